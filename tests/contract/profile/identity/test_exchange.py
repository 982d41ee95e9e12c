"""Tokens of the first start and API tokens, exchanged over gRPC."""

import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.contract.profile.provider import claims_of
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc, token_pb2, token_pb2_grpc, user_pb2, user_pb2_grpc

INVALID = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
NOT_ALLOWED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


def test_the_first_administrator_gets_a_token_of_five_minutes(show):
    answer = show("token-admin").exchange()
    claims = claims_of(answer.access_token)
    assert {name: claims[name] for name in ("iss", "aud", "sub", "tenant", "roles", "scopes", "tok")} == {
        "iss": "vahana",
        "aud": "vahana",
        "sub": "admin",
        "tenant": "default",
        "roles": ["admin", "operator"],
        "scopes": ["*"],
        "tok": "",
    }
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - time.time()) < 10
    assert answer.expire_time.seconds == claims["exp"]
    assert (answer.caller.subject, answer.caller.tenant, list(answer.caller.roles)) == (
        "admin",
        "default",
        ["admin", "operator"],
    )
    assert claims["jti"] != claims_of(show("token-admin").exchange().access_token)["jti"]


def test_a_service_has_no_tenant(show):
    caller = show("token-executor").exchange().caller
    assert (caller.subject, caller.tenant, list(caller.roles), list(caller.scopes)) == (
        "executor",
        "",
        ["service"],
        ["*"],
    )


def test_every_service_takes_what_comes_of_it(show, profile):
    token = show("token-admin").exchange().access_token
    with grpc.insecure_channel(profile.address) as channel:
        stub = tenant_pb2_grpc.TenantServiceStub(channel)
        metadata = [("authorization", f"Bearer {token}")]
        assert stub.GetTenant(tenant_pb2.GetTenantRequest(), metadata=metadata).tenant.name == "default"


def test_the_others_take_no_raw_token(profile, api_token, refused):
    with grpc.insecure_channel(profile.address) as channel:
        for token in ("token-admin", api_token().token):
            with refused(*INVALID):
                tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(
                    tenant_pb2.GetTenantRequest(), metadata=[("authorization", f"Bearer {token}")]
                )


def test_the_keys_verify_the_tokens_and_are_in_the_file(show, profile):
    token = show("token-admin").exchange().access_token
    (key,) = show("token-user").keys()
    assert (key.algorithm, key.HasField("expire_time")) == ("EdDSA", False)
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    assert jwt.decode(token, public, algorithms=["EdDSA"], audience="vahana", issuer="vahana")
    file = profile.chassis.settings.jwks_file
    published = jwt.PyJWKSet.from_json(file.read_text())[key.key_id]
    assert published.key.public_bytes_raw() == key.public_key
    assert file.stat().st_mode & 0o777 == 0o644


def test_an_api_token_is_exchanged(show, api_token, change, profile):
    made = api_token(scopes=["experiment:write", "registry:read"])
    answer = show(made.token).exchange()
    assert answer.caller.subject == "ada"
    assert answer.caller.token_id == made.api_token.token_id
    assert list(answer.caller.scopes) == ["experiment:write", "registry:read"]
    assert claims_of(answer.access_token)["tok"] == made.api_token.token_id
    tokens = profile.stub(token_pb2_grpc.ApiTokenServiceStub, "user")
    used = tokens.GetApiToken(token_pb2.GetApiTokenRequest(token_id=made.api_token.token_id)).api_token
    assert used.last_use_time.seconds > 0
    change("ada", roles=["ROLE_ADMIN"])
    assert list(show(made.token).caller().roles) == ["admin"]


def test_a_token_ends_with_the_one_shown(show, api_token):
    made = api_token(lifetime={"seconds": 30})
    answer = show(made.token).exchange()
    assert answer.expire_time.seconds == made.api_token.expire_time.seconds
    again = show(answer.access_token).exchange()
    assert again.expire_time == answer.expire_time
    assert again.caller == answer.caller


def test_scopes_get_fewer_and_never_more(show, api_token, refused):
    assert list(show("token-admin").exchange("registry:read", "profile:write").caller.scopes) == [
        "profile:write",
        "registry:read",
    ]
    made = show(api_token(scopes=["experiment:write"]).token)
    narrow = made.exchange("experiment:read")
    assert list(narrow.caller.scopes) == ["experiment:read"]
    for asked in ("*", "registry:read", "profile:write"):
        with refused(*NOT_ALLOWED):
            made.exchange(asked)
    with refused(*NOT_ALLOWED):
        show(narrow.access_token).exchange("experiment:write")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        made.exchange("experiment:read", "everything")
    assert set(told.fields) == {"scopes[1]"}


def test_anybody_may_ask_who_they_are_whatever_the_scopes(show, api_token):
    token = show(api_token(scopes=["registry:read"]).token).exchange().access_token
    assert show(token).caller().subject == "ada"
    assert show(token).keys()


def test_a_revoked_token_is_good_for_nothing(show, api_token, profile, refused):
    made = api_token()
    assert show(made.token).caller().subject == "ada"
    tokens = profile.stub(token_pb2_grpc.ApiTokenServiceStub, "user")
    tokens.RevokeApiToken(token_pb2.RevokeApiTokenRequest(token_id=made.api_token.token_id))
    for call in (show(made.token).exchange, show(made.token).caller, show(made.token).keys):
        with refused(*INVALID):
            call()


def test_a_disabled_user_is_told_so(show, api_token, change, refused):
    token = api_token().token
    change("ada", disabled=True)
    for raw in (token, "token-user"):
        with refused(*NOT_ALLOWED) as told:
            show(raw).exchange()
        assert "'ada' is disabled" in told.message
    change("ada", disabled=False)
    assert show(token).caller().subject == "ada"


def test_nobody_of_a_disabled_tenant_gets_in(show, profile, other_tenant, refused):
    stub = profile.stub(user_pb2_grpc.UserServiceStub, "other")
    stub.CreateUser(user_pb2.CreateUserRequest(name="olga", roles=["ROLE_ADMIN"]))
    assert show("token-other").caller().tenant == "other"
    tenants = profile.stub(tenant_pb2_grpc.TenantServiceStub, "admin")
    tenants.UpdateTenant(
        tenant_pb2.UpdateTenantRequest(name="other", disabled=True, update_mask={"paths": ["disabled"]})
    )
    with refused(*NOT_ALLOWED) as told:
        show("token-other").exchange()
    assert "'other' is disabled" in told.message


def test_roles_given_later_hold_for_the_first_administrator_too(show, change, users):
    users("admin").CreateUser(user_pb2.CreateUserRequest(name="eve", roles=["ROLE_ADMIN"]))
    change("admin", roles=["ROLE_OPERATOR"])
    assert list(show("token-admin").caller().roles) == ["operator"]


@pytest.mark.parametrize("call", ["exchange", "caller", "keys"])
def test_a_token_is_needed(show, refused, call):
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        getattr(show(""), call)()
    with refused(*INVALID):
        getattr(show("nobody"), call)()
