"""Logins by OpenID Connect: which provider vouches for a token, and which user it means."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.chassis import log
from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import NotAllowed, TokenInvalid
from services.profile.domain import claims
from services.profile.domain.identity_providers import EMAIL_CLAIM, AccountLink, IdentityProvider
from services.profile.domain.users import User
from services.profile.handlers.publishing import Publisher
from services.profile.oidc.key_cache import KeyCache
from services.profile.oidc.keys import Key, parse
from services.profile.oidc.tokens import Shown
from services.profile.storage import account_links, tenants, users
from services.profile.storage import identity_providers as providers

_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
"""As in CreateUserRequest."""

_log = log.get(__name__)


class Login(NamedTuple):
    """Whom a token means, and who vouches for that."""

    tenant: str
    user: str
    provider: IdentityProvider


class Logins:
    """Turns providers' tokens into users, and makes these where a provider may."""

    def __init__(self, db: Database, publisher: Publisher, keys: KeyCache) -> None:
        self._db = db
        self._publisher = publisher
        self._keys = keys

    def user_of(self, shown: Shown) -> Login:
        """Whose login it is. TokenInvalid for what no provider vouches for, NotAllowed for strangers."""
        tenant, provider = self._vouching(shown)
        subject = str(shown.claims["sub"])
        with self._db.read() as tx:
            known = account_links.find_user(tx, tenant, provider.name, subject)
        if known is None:
            with self._db.write() as tx:
                known = self._first_login(tx, tenant, provider, shown)
        return Login(tenant, known, provider)

    def _vouching(self, shown: Shown) -> tuple[str, IdentityProvider]:
        """The provider that has signed a token, and for which tenant."""
        issuer, audiences = claims.issuer(shown.claims), claims.audiences(shown.claims)
        with self._db.read() as tx:
            tenant, provider = _the_one(providers.issued_by(tx, issuer, audiences), shown)
        if provider.disabled or not provider.allows(shown.algorithm):
            raise TokenInvalid
        if not shown.signed_by(self._keys_of(tenant, provider, shown.key_id)):
            raise TokenInvalid
        fault = claims.fault(shown.claims, issued_by=provider.issuer, audience=provider.audience, now_s=time.time())
        if fault:
            _log.info("login refused", tenant=tenant, provider=provider.name, fault=fault)
            raise TokenInvalid
        return tenant, provider

    def _keys_of(self, tenant: str, provider: IdentityProvider, key_id: str) -> list[Key]:
        if provider.jwks_uri:
            return self._keys.find(provider.jwks_uri, key_id, tenant)
        return [key for key in parse(provider.jwks, strict=False) if key.key_id == key_id]

    def _first_login(self, tx: Tx, tenant: str, vouching: IdentityProvider, shown: Shown) -> str:
        subject = str(shown.claims["sub"])
        # The provider's row is held: first logins come one after another, and it is not deleted meanwhile.
        provider = providers.lock(tx, tenant, vouching.name)
        if provider is None or provider.disabled or provider.issuer != vouching.issuer:
            raise TokenInvalid
        known = account_links.find_user(tx, tenant, provider.name, subject)
        if known is not None:
            return known
        user = self._user_to_link(tx, tenant, provider, shown)
        if not account_links.insert(tx, tenant, AccountLink(provider.name, subject, user, now_us(tx))):
            raise NotAllowed(f"{provider.name!r} knows the user {user!r} as somebody else: ask an administrator")
        _log.info("account linked", tenant=tenant, provider=provider.name, user=user)
        return user

    def _user_to_link(self, tx: Tx, tenant: str, provider: IdentityProvider, shown: Shown) -> str:
        name = _name(provider, shown.claims)
        if not provider.provision_users:
            if users.find(tx, tenant, name) is None:
                raise NotAllowed(f"{name!r} is no user of this tenant: ask an administrator to be made one")
            return name
        refuse_disabled(tx, tenant)
        user = User(name, create_time_us=now_us(tx))
        if not users.insert(tx, tenant, user):
            raise NotAllowed(f"another user has the name {name!r} already: ask an administrator")
        self._publisher.user(tx, tenant, user)
        return name


def _name(provider: IdentityProvider, said: Mapping[str, Any]) -> str:
    """What a first login says the user is called. Raises NotAllowed."""
    name = said.get(provider.name_claim)
    if not isinstance(name, str) or not _USER_NAME.fullmatch(name):
        raise NotAllowed(f"the token's claim {provider.name_claim!r} is no name that a user can have")
    if provider.name_claim == EMAIL_CLAIM and said.get("email_verified") is not True:
        # Anybody may type in anybody's address.
        raise NotAllowed("the token's claim 'email_verified' is not true: verify the address with the provider")
    return name


def refuse_disabled(tx: Tx, tenant: str) -> None:
    """Raise NotAllowed where nobody of the tenant is let in."""
    stored = tenants.find(tx, tenant)
    if stored is not None and stored.disabled:
        raise NotAllowed(f"the tenant {tenant!r} is disabled: ask an operator of the mesh")


def _the_one(vouching: Sequence[tuple[str, IdentityProvider]], shown: Shown) -> tuple[str, IdentityProvider]:
    """The provider meant; where a token is for several at once, that of the party it was issued to."""
    meant = [(tenant, each) for tenant, each in vouching if each.audience == shown.claims.get("azp")]
    choice = vouching if len(vouching) == 1 else meant
    if len(choice) != 1:
        raise TokenInvalid
    return choice[0]
