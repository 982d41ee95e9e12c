"""Use cases of CredentialService."""

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, FieldViolation, InvalidFields, NotFound
from services.chassis.ids import new_id
from services.chassis.paging import foreign_token, is_number, names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller
from services.profile import wire
from services.profile.domain.credentials import ID_PREFIX, Action, Credential, Use, name_violations
from services.profile.handlers.asking import page, refuse, require_owner
from services.profile.storage import credentials as storage
from services.profile.storage import tenants
from services.profile.vault import keys, seal
from services.profile.vault.master import MasterKey
from vahana.profile.v1 import credential_pb2 as pb


class Credentials:
    """What may be done with credentials, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, master: MasterKey) -> None:
        self._db = db
        self._requests = requests
        self._master = master

    def create(self, request: pb.CreateCredentialRequest) -> pb.CreateCredentialResponse:
        """Generate or import a key pair and store it sealed."""
        refuse(name_violations(request.name))
        key = _key(request)
        action = Action.IMPORTED if request.private_key else Action.GENERATED
        with self._db.write() as tx:
            return self._requests.once(
                tx, request, pb.CreateCredentialResponse, lambda: self._create(tx, request.name, key, action)
            )

    def _create(self, tx: Tx, name: str, key: keys.PrivateKey, action: Action) -> pb.CreateCredentialResponse:
        who, now = caller(), now_us(tx)
        if tenants.find(tx, who.tenant) is None:
            raise NotFound("tenant", who.tenant)
        credential = Credential(new_id(ID_PREFIX), name, keys.public_blob(key), who.subject, now)
        sealed = seal.seal(self._master, who.tenant, credential.credential_id, keys.dump(key))
        if not storage.insert_sealed(tx, who.tenant, credential, sealed):
            raise AlreadyExists("credential", name)
        storage.record(tx, who.tenant, Use(credential.credential_id, credential.owner, action, who.subject, now))
        return pb.CreateCredentialResponse(credential=wire.credential_to_message(credential))

    def get(self, request: pb.GetCredentialRequest) -> pb.GetCredentialResponse:
        """The public half of one credential."""
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, request.credential)
        if stored is None:
            raise NotFound("credential", request.credential)
        return pb.GetCredentialResponse(credential=wire.credential_to_message(stored))

    def list(self, request: pb.ListCredentialsRequest) -> pb.ListCredentialsResponse:
        """A page of public halves, by id."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, after, limit + 1)
        kept, token = page([wire.credential_to_message(one) for one in stored], limit, lambda one: one.credential_id)
        return pb.ListCredentialsResponse(credentials=kept, next_page_token=token)

    def delete(self, request: pb.DeleteCredentialRequest) -> pb.DeleteCredentialResponse:
        """Destroy a key; for its owner and administrators. The audit stays, and tells of this."""
        who = caller()
        with self._db.write() as tx:
            stored = storage.find(tx, who.tenant, request.credential)
            if stored is None:
                raise NotFound("credential", request.credential)
            require_owner("credential", stored.name, stored.owner)
            if not storage.remove(tx, who.tenant, stored.credential_id):
                raise NotFound("credential", request.credential)
            use = Use(stored.credential_id, stored.owner, Action.DELETED, who.subject, now_us(tx))
            storage.record(tx, who.tenant, use)
        return pb.DeleteCredentialResponse()

    def list_uses(self, request: pb.ListCredentialUsesRequest) -> pb.ListCredentialUsesResponse:
        """A page of the audit, the latest first: all of it for administrators, for others that of their own keys."""
        limit = page_limit(request.page_size)
        before = _number(request.page_token)
        filters = storage.Filters(_whose(), request.credential_id)
        with self._db.read() as tx:
            stored = storage.uses_page(tx, caller().tenant, filters, before, limit + 1)
        kept, token = page(stored, limit, lambda one: str(one[0]))
        return pb.ListCredentialUsesResponse(uses=[wire.use_to_message(use) for _, use in kept], next_page_token=token)


def _whose() -> str | None:
    """Whose keys' uses the caller may see: None for everybody's."""
    return None if ADMIN in caller().roles else caller().subject


def _number(page_token: str) -> int | None:
    (part,) = names_of(page_token, 1)
    if part and not is_number(part):
        raise foreign_token()
    return int(part) if part else None


def _key(request: pb.CreateCredentialRequest) -> keys.PrivateKey:
    if not request.private_key:
        return keys.generate()
    try:
        return keys.parse(request.private_key)
    except keys.KeyRefused as refused:
        raise InvalidFields([FieldViolation("private_key", str(refused))]) from None
