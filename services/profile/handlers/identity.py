"""Use cases of IdentityService. Its callers show tokens of all kinds, so that each call begins with whose it is."""

from contextvars import ContextVar
from dataclasses import replace

from services.chassis.errors import NotAllowed
from services.chassis.rpc.auth import raw_token, set_caller
from services.profile import wire
from services.profile.domain import scopes
from services.profile.handlers.asking import refuse
from services.profile.handlers.authentication import Authentication, Presented
from services.profile.handlers.signing_keys import SigningKeys
from vahana.profile.v1 import identity_pb2 as pb

_presented: ContextVar[Presented] = ContextVar("vahana_presented")


class Identities:
    """What anybody may ask who shows a good token."""

    def __init__(self, authentication: Authentication, keys: SigningKeys) -> None:
        self._authentication = authentication
        self._keys = keys

    def authenticate(self) -> None:
        """Begin a call: its caller is whoever the token stands for. TokenInvalid, NotAllowed, Unavailable."""
        presented = self._authentication.who(raw_token())
        set_caller(presented.identity)
        _presented.set(presented)

    def exchange(self, request: pb.ExchangeTokenRequest) -> pb.ExchangeTokenResponse:
        """An access token for the caller, with all of its scopes or fewer."""
        presented = _presented.get()
        held, asked = presented.identity.scopes, frozenset(request.scopes)
        refuse(scopes.violations(request.scopes))
        beyond = sorted(scope for scope in asked if not scopes.covers(held, scope))
        if beyond:
            raise NotAllowed(f"the token shown is not good for {', '.join(beyond)}")
        identity = replace(presented.identity, scopes=asked or held)
        minted = self._keys.mint(identity, presented.end_us)
        return wire.exchanged_to_message(identity, minted.token, minted.expire_time_us)

    def get_caller(self, _request: pb.GetCallerRequest) -> pb.GetCallerResponse:
        """Who the caller is."""
        return pb.GetCallerResponse(caller=wire.caller_to_message(_presented.get().identity))

    def list_signing_keys(self, _request: pb.ListSigningKeysRequest) -> pb.ListSigningKeysResponse:
        """The public keys of access tokens."""
        keys = [wire.signing_key_to_message(key, expires) for key, expires in self._keys.public()]
        return pb.ListSigningKeysResponse(keys=keys)
