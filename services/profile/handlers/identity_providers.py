"""Use cases of IdentityProviderService."""

from dataclasses import replace

from services.chassis import masks
from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, FieldViolation, InvalidFields, LimitExceeded, NotAllowed, NotFound
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role
from services.profile import wire
from services.profile.domain import scopes
from services.profile.domain.identity_providers import MOST_OF_A_TENANT, IdentityProvider, violations
from services.profile.handlers.asking import page, refuse
from services.profile.oidc.keys import KeyRefused, parse
from services.profile.storage import identity_providers as storage
from services.profile.storage import tenants
from vahana.profile.v1 import identity_provider_pb2 as pb

_FIELD = "identity_provider"
_MOST_IN_PAGE = 50
"""As many as fit a message, should each come with the longest key set."""
_CHANGEABLE = ("jwks_uri", "jwks", "algorithms", "user_claim", "provision_users", "disabled")


class IdentityProviders:
    """What administrators may do with the providers of their tenant."""

    def __init__(self, db: Database, requests: Requests, *, private: bool) -> None:
        """`private`: providers' keys may be at addresses that are not public."""
        self._db = db
        self._requests = requests
        self._private = private

    def create(self, request: pb.CreateIdentityProviderRequest) -> pb.CreateIdentityProviderResponse:
        """Trust a provider."""
        _require_may_vouch()
        provider = _checked(wire.identity_provider_from_message(request.identity_provider), private=self._private)
        with self._db.write() as tx:
            return self._requests.once(
                tx, request, pb.CreateIdentityProviderResponse, lambda: self._create(tx, provider)
            )

    def _create(self, tx: Tx, provider: IdentityProvider) -> pb.CreateIdentityProviderResponse:
        tenant = caller().tenant
        if tenants.find(tx, tenant) is None:
            raise NotFound("tenant", tenant)
        if storage.count(tx, tenant) >= MOST_OF_A_TENANT:
            raise LimitExceeded(
                f"the tenant has {MOST_OF_A_TENANT} identity providers, the most there may be: delete some"
            )
        stored = replace(provider, create_time_us=now_us(tx))
        if not storage.insert(tx, tenant, stored):
            taken = storage.find(tx, tenant, provider.name) is not None
            name = provider.name if taken else f"{provider.issuer} for {provider.audience}"
            raise AlreadyExists("identity provider", name)
        return pb.CreateIdentityProviderResponse(identity_provider=wire.identity_provider_to_message(stored))

    def get(self, request: pb.GetIdentityProviderRequest) -> pb.GetIdentityProviderResponse:
        """One provider."""
        require_role(ADMIN)
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, request.name)
        if stored is None:
            raise NotFound("identity provider", request.name)
        return pb.GetIdentityProviderResponse(identity_provider=wire.identity_provider_to_message(stored))

    def list(self, request: pb.ListIdentityProvidersRequest) -> pb.ListIdentityProvidersResponse:
        """A page of providers, by name."""
        require_role(ADMIN)
        limit = min(page_limit(request.page_size), _MOST_IN_PAGE)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, after, limit + 1)
        messages = [wire.identity_provider_to_message(one) for one in stored]
        kept, token = page(messages, limit, lambda one: one.name)
        return pb.ListIdentityProvidersResponse(identity_providers=kept, next_page_token=token)

    def update(self, request: pb.UpdateIdentityProviderRequest) -> pb.UpdateIdentityProviderResponse:
        """Change what the mask names."""
        _require_may_vouch()
        masks.check_key(request.identity_provider, "name", prefix=_FIELD)
        tenant, name = caller().tenant, request.identity_provider.name
        with self._db.write() as tx:
            stored = storage.lock(tx, tenant, name)
            if stored is None:
                raise NotFound("identity provider", name)
            masks.check_revision(stored.revision, request.revision)
            changed = _merged(stored, request, private=self._private)
            storage.replace(tx, tenant, changed)
        return pb.UpdateIdentityProviderResponse(identity_provider=wire.identity_provider_to_message(changed))

    def delete(self, request: pb.DeleteIdentityProviderRequest) -> pb.DeleteIdentityProviderResponse:
        """Trust a provider no more."""
        require_role(ADMIN)
        with self._db.write() as tx:
            stored = storage.lock(tx, caller().tenant, request.name)
            if stored is None:
                raise NotFound("identity provider", request.name)
            storage.remove(tx, caller().tenant, request.name)
        return pb.DeleteIdentityProviderResponse()


def _require_may_vouch() -> None:
    """Raise NotAllowed unless the caller may say who is let in: an administrator, by a token that narrows nothing.

    Whoever chooses a provider's keys can log in by it, and a login has all scopes.
    """
    require_role(ADMIN)
    own = caller().scopes
    if not scopes.covers(own, scopes.ALL):
        held = ", ".join(sorted(own))
        raise NotAllowed(f"logins have all scopes: this needs a token with the scope {scopes.ALL!r}, not only {held}")


def _merged(stored: IdentityProvider, request: pb.UpdateIdentityProviderRequest, *, private: bool) -> IdentityProvider:
    message = wire.identity_provider_to_message(stored)
    masks.merge(message, request.identity_provider, request.update_mask, _CHANGEABLE)
    masks.check_whole(message, prefix=_FIELD)
    sent = wire.identity_provider_from_message(message)
    # What was once allowed may stay, so that such a provider can still be disabled.
    asked = _checked(sent, private=private or sent.jwks_uri == stored.jwks_uri)
    return replace(asked, create_time_us=stored.create_time_us, revision=stored.revision + 1)


def _checked(provider: IdentityProvider, *, private: bool) -> IdentityProvider:
    """The provider as the caller would have it. Raises InvalidFields."""
    refuse(violations(provider, private=private))
    if provider.jwks:
        try:
            parse(provider.jwks, strict=True)
        except KeyRefused as refused:
            raise InvalidFields([FieldViolation(f"{_FIELD}.jwks", str(refused))]) from None
    return replace(provider, by_operator=OPERATOR in caller().roles)
