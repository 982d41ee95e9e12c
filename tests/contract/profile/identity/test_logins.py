"""Logins by OpenID Connect."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.contract.profile.provider import claims_of
from vahana.profile.v1 import (
    identity_provider_pb2,
    snapshot_pb2,
    snapshot_pb2_grpc,
    tenant_pb2,
    tenant_pb2_grpc,
    user_pb2,
)

INVALID = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
NOT_ALLOWED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


def caller(shown):
    """Who it is, asked until it is told: few wait for the provider's keys at once."""
    while True:
        try:
            return shown.caller()
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise


def names(users):
    return {user.name for user in users("admin").ListUsers(user_pb2.ListUsersRequest()).users}


def test_a_first_login_makes_the_user(show, provider, trust, users):
    trust()
    answer = show(provider.token()).exchange()
    caller = answer.caller
    assert (caller.subject, caller.tenant, list(caller.roles), list(caller.scopes)) == ("grace", "default", [], ["*"])
    assert names(users) == {"admin", "grace"}
    assert show(answer.access_token).caller() == caller


def test_the_new_user_is_told_to_the_other_services(show, provider, trust, profile):
    trust()
    show(provider.token()).exchange()
    stub = profile.stub(snapshot_pb2_grpc.SnapshotServiceStub, "experiment")
    told = [each.name for part in stub.ExportEntities(snapshot_pb2.ExportEntitiesRequest()) for each in part.entities]
    assert "grace" in told


def test_the_subject_says_who_it_is_and_the_name_no_more(show, provider, trust, users):
    trust()
    show(provider.token()).exchange()
    assert show(provider.token(preferred_username="hopper")).caller().subject == "grace"
    assert show(provider.token(preferred_username=None)).caller().subject == "grace"
    assert names(users) == {"admin", "grace"}


def test_a_name_taken_is_refused(show, provider, trust, ada, refused):
    trust()
    for name in ("ada", "admin"):
        with refused(*NOT_ALLOWED) as told:
            show(provider.token(preferred_username=name)).exchange()
        assert repr(name) in told.message
    show(provider.token()).exchange()
    with refused(*NOT_ALLOWED):
        show(provider.token("another", preferred_username="grace")).exchange()


@pytest.mark.parametrize("name", [None, "", "two words", "-x", "a" * 64, 7, ["grace"], "grace\n", "Grâce"])
def test_a_name_that_is_none_is_refused(show, provider, trust, users, refused, name):
    trust()
    with refused(*NOT_ALLOWED) as told:
        show(provider.token(preferred_username=name)).exchange()
    assert "'preferred_username'" in told.message
    assert names(users) == {"admin"}


def test_another_claim_may_name_the_user(show, provider, trust):
    trust(user_claim="email")
    token = provider.token(email="grace@example.org", email_verified=True)
    assert show(token).caller().subject == "grace@example.org"


@pytest.mark.parametrize("provision_users", [True, False])
@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_that_is_not_verified_names_nobody(show, provider, trust, users, refused, verified, provision_users):
    users("admin").CreateUser(user_pb2.CreateUserRequest(name="grace@example.org"))
    trust(user_claim="email", provision_users=provision_users)
    with refused(*NOT_ALLOWED) as told:
        show(provider.token(email="grace@example.org", email_verified=verified)).exchange()
    assert "'email_verified'" in told.message
    with refused(*NOT_ALLOWED):
        show(provider.token(email="new@example.org", email_verified=verified)).exchange()
    assert names(users) == {"admin", "grace@example.org"}


def test_an_address_is_looked_at_where_it_names_the_user_alone(show, provider, trust):
    trust()
    assert show(provider.token(email="grace@example.org", email_verified=False)).caller().subject == "grace"


def test_without_provisioning_users_must_be_there(show, provider, trust, ada, refused):
    trust(provision_users=False)
    with refused(*NOT_ALLOWED):
        show(provider.token()).exchange()
    assert show(provider.token(preferred_username="ada")).caller().subject == "ada"
    # Whoever gets the name after her is not her.
    with refused(*NOT_ALLOWED) as told:
        show(provider.token("another", preferred_username="ada")).exchange()
    assert "somebody else" in told.message


def test_a_token_ends_with_the_providers(show, provider, trust):
    trust()
    token = provider.token(exp=int(time.time()) + 60)
    assert claims_of(show(token).exchange().access_token)["exp"] == claims_of(token)["exp"]


def test_two_first_logins_at_once_make_one_user(show, provider, trust, users):
    trust()

    with ThreadPoolExecutor(8) as pool:
        callers = list(pool.map(lambda _: caller(show(provider.token())).subject, range(16)))
    assert set(callers) == {"grace"}
    assert names(users) == {"admin", "grace"}
    assert provider.asked == 1


def test_two_who_want_one_name_at_once_do_not_share_it(show, provider, trust, users):
    trust()

    def log_in(number):
        try:
            return caller(show(provider.token(f"subject-{number}"))).subject
        except grpc.RpcError as error:
            return error.code()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(log_in, range(8)))
    assert sorted(outcomes, key=str) == sorted(["grace"] + [grpc.StatusCode.PERMISSION_DENIED] * 7, key=str)


def test_a_provider_changes_its_keys(show, provider, trust, refused):
    trust()
    assert show(provider.token()).caller()
    old = provider.token()
    provider.keys["k2"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert show(provider.token(kid="k2")).caller().subject == "grace"
    assert show(old).caller()
    del provider.keys["k1"]
    with refused(*INVALID):
        show(provider.token(kid="k2", key=rsa.generate_private_key(public_exponent=65537, key_size=2048))).caller()
    provider.keys["k3"] = provider.keys["k2"]
    assert show(provider.token(kid="k3")).caller()
    with refused(*INVALID):
        show(old).caller()


def test_a_provider_away_is_gone_on_without(show, provider, trust, refused):
    trust()
    provider.answer = lambda handler: handler.send_error(500)
    with refused(*UNAVAILABLE):
        show(provider.token()).exchange()
    provider.answer = None
    assert show(provider.token()).caller()
    provider.answer = lambda handler: handler.send_error(500)
    assert show(provider.token()).caller()


def test_keys_may_be_given_instead(show, provider, trust):
    trust(jwks=provider.jwks())
    assert show(provider.token()).caller().subject == "grace"
    assert provider.asked == 0


def test_a_disabled_or_deleted_provider_lets_nobody_in(show, provider, trust, providers, refused):
    trust()
    assert show(provider.token()).caller()
    for disabled in (True, False):
        providers().UpdateIdentityProvider(
            identity_provider_pb2.UpdateIdentityProviderRequest(
                identity_provider={"name": "campus", "disabled": disabled}, update_mask={"paths": ["disabled"]}
            )
        )
        if disabled:
            with refused(*INVALID):
                show(provider.token()).caller()
    assert show(provider.token()).caller()
    providers().DeleteIdentityProvider(identity_provider_pb2.DeleteIdentityProviderRequest(name="campus"))
    with refused(*INVALID):
        show(provider.token()).caller()


def test_a_provider_that_comes_again_knows_nobody(show, provider, trust, providers, refused):
    trust()
    show(provider.token()).caller()
    providers().DeleteIdentityProvider(identity_provider_pb2.DeleteIdentityProviderRequest(name="campus"))
    trust()
    with refused(*NOT_ALLOWED):
        show(provider.token()).caller()


def test_a_disabled_user_and_a_disabled_tenant_are_told(show, provider, trust, change, profile, other_tenant, refused):
    trust()
    show(provider.token()).exchange()
    change("grace", disabled=True)
    with refused(*NOT_ALLOWED):
        show(provider.token()).exchange()
    trust("other", audience="others")
    tenants = profile.stub(tenant_pb2_grpc.TenantServiceStub, "admin")
    tenants.UpdateTenant(
        tenant_pb2.UpdateTenantRequest(name="other", disabled=True, update_mask={"paths": ["disabled"]})
    )
    with refused(*NOT_ALLOWED):
        show(provider.token(aud="others")).exchange()


def test_a_token_for_two_tenants_is_for_the_one_it_was_issued_to(show, provider, trust, other_tenant, refused):
    trust()
    trust("other", audience="others")
    both = ["vahana", "others"]
    with refused(*INVALID):
        show(provider.token(aud=both)).caller()
    assert show(provider.token(aud=both, azp="others")).caller().tenant == "other"
    assert show(provider.token(aud=both, azp="vahana")).caller().tenant == "default"
    assert show(provider.token(aud=["account", "others"], azp="console")).caller().tenant == "other"
