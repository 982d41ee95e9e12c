"""Who shows a token: one of the first start, an API token, a provider's, or an access token of the mesh itself."""

from dataclasses import dataclass, replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import NotAllowed, TokenInvalid
from services.chassis.rpc.auth import Identity, Verifier
from services.profile.domain import claims
from services.profile.domain.identity_providers import OWN_ISSUER
from services.profile.domain.tokens import ApiToken, id_of
from services.profile.domain.users import User
from services.profile.handlers.bootstrap import Bootstrap
from services.profile.handlers.logins import Logins, refuse_disabled
from services.profile.oidc import tokens as jwts
from services.profile.storage import tokens, users

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US


@dataclass(frozen=True)
class Presented:
    """Whom a token stands for, and until when; `end_us` None where it has no end."""

    identity: Identity
    end_us: int | None = None


class Authentication:
    """Checks tokens of all kinds; may wait for a provider."""

    def __init__(self, db: Database, bootstrap: Bootstrap, logins: Logins, access_tokens: Verifier) -> None:
        self._db = db
        self._bootstrap = bootstrap
        self._logins = logins
        self._access_tokens = access_tokens

    def who(self, token: str) -> Presented:
        """Whom the token stands for. Raises TokenInvalid, NotAllowed for the disabled, and Unavailable."""
        known = self._bootstrap.find(token)
        if known is not None:
            return self._known(known)
        token_id = id_of(token)
        if token_id is not None:
            return self._by_api_token(token_id, token)
        shown = jwts.read(token)
        if claims.issuer(shown.claims) == OWN_ISSUER:
            return Presented(self._access_tokens.verify(token), _end_us(shown))
        return self._by_login(shown)

    def _by_login(self, shown: jwts.Shown) -> Presented:
        login = self._logins.user_of(shown)
        with self._db.read() as tx:
            user = in_good_standing(tx, login.tenant, login.user)
        roles = login.provider.roles(user.roles)
        return Presented(Identity(user.name, login.tenant, roles), _end_us(shown))

    def _known(self, identity: Identity) -> Presented:
        """A user among those of the first start has the roles given since; a service, or no user, those of the file."""
        with self._db.read() as tx:
            refuse_disabled(tx, identity.tenant)
            if users.find(tx, identity.tenant, identity.subject) is None:
                return Presented(identity)
            user = in_good_standing(tx, identity.tenant, identity.subject)
        return Presented(replace(identity, roles=user.roles))

    def _by_api_token(self, token_id: str, token: str) -> Presented:
        with self._db.read() as tx:
            stored, now = tokens.find_by_id(tx, token_id), now_us(tx)
            if stored is None or not stored.made_from(token) or not stored.live(now):
                raise TokenInvalid
            user = in_good_standing(tx, stored.tenant, stored.user)
        self._note_use(stored, now)
        identity = Identity(stored.user, stored.tenant, user.roles, stored.scopes, stored.token_id)
        return Presented(identity, stored.expire_time_us)

    def _note_use(self, stored: ApiToken, now: int) -> None:
        if stored.last_use_time_us is None or stored.last_use_time_us < now - now % _MINUTE_US:
            with self._db.write() as tx:
                tokens.touch(tx, stored.tenant, stored.token_id, now)


def in_good_standing(tx: Tx, tenant: str, name: str) -> User:
    """The user of that name. NotAllowed where it, or its tenant, is disabled, TokenInvalid where there is none."""
    refuse_disabled(tx, tenant)
    user = users.find(tx, tenant, name)
    if user is None:
        raise TokenInvalid
    if user.disabled:
        raise NotAllowed(f"the user {name!r} is disabled: ask an administrator of the tenant")
    return user


def _end_us(verified: jwts.Shown) -> int:
    return claims.end_s(verified.claims) * _SECOND_US
