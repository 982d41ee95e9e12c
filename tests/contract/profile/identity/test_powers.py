"""What a login by a provider makes of somebody, and who may decide that."""

import grpc
import pytest

from vahana.profile.v1.identity_provider_pb2 import (
    CreateIdentityProviderRequest,
    GetIdentityProviderRequest,
    IdentityProvider,
    UpdateIdentityProviderRequest,
)
from vahana.profile.v1.identity_provider_pb2_grpc import IdentityProviderServiceStub
from vahana.profile.v1.token_pb2 import CreateApiTokenRequest
from vahana.profile.v1.token_pb2_grpc import ApiTokenServiceStub
from vahana.profile.v1.user_pb2 import CreateUserRequest

NOT_ALLOWED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


@pytest.fixture
def eve(calling):
    """`eve(...)`: providers as an administrator sees them who is no operator."""
    return lambda **claims: calling(IdentityProviderServiceStub, "eve", "default", ["admin"], **claims)


@pytest.fixture
def own(provider):
    """A provider whose keys its administrator chose."""
    return IdentityProvider(name="own", issuer=provider.issuer, audience="vahana", jwks=provider.jwks())


def create(stub, provider):
    return stub.CreateIdentityProvider(CreateIdentityProviderRequest(identity_provider=provider)).identity_provider


def change(stub, provider, **fields):
    sent = IdentityProvider(name=provider.name, **fields)
    request = UpdateIdentityProviderRequest(identity_provider=sent, update_mask={"paths": list(fields)})
    return stub.UpdateIdentityProvider(request).identity_provider


def as_admin(show, provider):
    return show(provider.token(preferred_username="admin"))


def test_no_administrator_makes_an_operator_of_herself(show, provider, eve, own, profile, refused):
    assert not create(eve(), own).by_operator
    answer = as_admin(show, provider).exchange()
    assert (answer.caller.subject, list(answer.caller.roles)) == ("admin", ["admin"])
    again = show(answer.access_token).exchange()
    assert list(again.caller.roles) == ["admin"]
    stub, shown = profile.stub(ApiTokenServiceStub), [("authorization", f"Bearer {again.access_token}")]
    with refused(*NOT_ALLOWED):
        stub.CreateApiToken(CreateApiTokenRequest(name="more"), metadata=shown)


def test_a_provider_says_of_itself_nothing_about_that(show, provider, eve, own):
    own.by_operator = True
    assert not create(eve(), own).by_operator
    assert list(as_admin(show, provider).caller().roles) == ["admin"]


def test_an_operator_vouches_for_what_an_operator_changed_last(show, provider, providers, eve, own):
    stored = create(providers(), own)
    assert stored.by_operator
    assert providers().GetIdentityProvider(GetIdentityProviderRequest(name="own")).identity_provider == stored
    assert list(as_admin(show, provider).caller().roles) == ["admin", "operator"]
    # Asked with every login, the linked ones too.
    for stub, roles in ((eve(), ["admin"]), (providers(), ["admin", "operator"])):
        assert change(stub, own, algorithms=["RS256"]).by_operator == ("operator" in roles)
        assert list(as_admin(show, provider).caller().roles) == roles


def test_other_roles_are_as_the_user_has_them(show, provider, eve, own, users):
    users("admin").CreateUser(CreateUserRequest(name="amy", roles=["ROLE_ADMIN"]))
    create(eve(), own)
    assert list(show(provider.token(preferred_username="amy")).caller().roles) == ["admin"]


def test_a_narrowed_token_gets_no_wider_by_a_provider(eve, own, refused):
    narrow = eve(scopes=["profile:write", "registry:write"])
    with refused(*NOT_ALLOWED) as told:
        create(narrow, own)
    assert "'*'" in told.message
    assert "profile:write, registry:write" in told.message
    create(eve(), own)
    with refused(*NOT_ALLOWED):
        change(narrow, own, disabled=True)
    assert change(eve(), own, disabled=True).disabled
