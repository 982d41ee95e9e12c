"""Use cases of SigningService: stored keys at work, for the executor alone."""

from services.chassis.db import Database, now_us
from services.chassis.errors import FieldViolation, InvalidFields, NotFound
from services.chassis.rpc.auth import caller, require_service
from services.profile.domain import challenges
from services.profile.domain.credentials import Action, Credential, SealedKey, Use
from services.profile.handlers.asking import refuse
from services.profile.storage import credentials as storage
from services.profile.vault import keys, seal
from services.profile.vault.master import MasterKey
from vahana.profile.v1 import credential_pb2 as pb

_SIGNER = "executor"


class Signing:
    """What the executor may have done with a key, in the tenant it names."""

    def __init__(self, db: Database, master: MasterKey) -> None:
        self._db = db
        self._master = master

    def sign_ssh_challenge(self, request: pb.SignSshChallengeRequest) -> pb.SignSshChallengeResponse:
        """Sign an SSH login, once its audit line is stored."""
        require_service(_SIGNER)
        credential, sealed = self._stored(request.credential_id)
        algorithm = _algorithm(credential, request.algorithm)
        refuse(
            challenges.violations(
                request.challenge, login=request.login, algorithm=algorithm, public_blob=credential.public_blob
            )
        )
        private = seal.unseal(self._master, caller().tenant, credential.credential_id, sealed)
        signature = keys.sign(keys.restore(private), algorithm, request.challenge)
        self._record(credential, request)
        return pb.SignSshChallengeResponse(signature=signature)

    def get_public_key(self, request: pb.GetPublicKeyRequest) -> pb.GetPublicKeyResponse:
        """The public half of one credential."""
        require_service(_SIGNER)
        credential, _ = self._stored(request.credential_id)
        return pb.GetPublicKeyResponse(public_key=credential.public_key)

    def _stored(self, credential_id: str) -> tuple[Credential, SealedKey]:
        with self._db.read() as tx:
            stored = storage.find_sealed(tx, caller().tenant, credential_id)
        if stored is None:
            raise NotFound("credential", credential_id)
        return stored

    def _record(self, credential: Credential, request: pb.SignSshChallengeRequest) -> None:
        who = caller()
        with self._db.write() as tx:
            use = Use(
                credential.credential_id,
                credential.owner,
                Action.SIGNED,
                who.subject,
                now_us(tx),
                process_id=request.process_id,
                host=request.host,
                login=request.login,
            )
            if not storage.mark_used(tx, who.tenant, credential.credential_id, use.time_us):
                raise NotFound("credential", credential.credential_id)
            storage.record(tx, who.tenant, use)


def _algorithm(credential: Credential, asked: str) -> str:
    algorithm = challenges.algorithm_for(credential.key_type, asked)
    if not algorithm:
        fault = f"'{asked}' does not fit a key of type {credential.key_type}"
        way_out = "'rsa-sha2-256' or 'rsa-sha2-512'" if credential.key_type == "ssh-rsa" else f"'{credential.key_type}'"
        raise InvalidFields([FieldViolation("algorithm", f"{fault}: ask for {way_out}")])
    return algorithm
