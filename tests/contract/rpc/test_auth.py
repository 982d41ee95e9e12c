"""Who gets in, and as whom."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.chassis.rpc.auth import raw_token
from services.chassis.rpc.keys import Keys
from tests.contract.conftest import bearer
from tests.contract.tokens import minted
from vahana.profile.v1 import identity_pb2, tenant_pb2, tenant_pb2_grpc

GET = "/vahana.profile.v1.TenantService/GetTenant"


def _call(probe, *metadata, method=GET):
    with grpc.insecure_channel(probe.address) as channel:
        return channel.unary_unary(method)(b"", metadata=metadata, timeout=10)


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        ("Bearer ", "TOKEN_MISSING"),
        ("Basic dXNlcjpwYXNz", "TOKEN_MISSING"),
        ("token-user", "TOKEN_MISSING"),
        ("Bearer nobody", "TOKEN_INVALID"),
        ("Bearer token-user", "TOKEN_INVALID"),
        ("Bearer two words", "TOKEN_INVALID"),
    ],
)
def test_a_call_without_a_good_token_is_refused(probe, refused, authorization, reason):
    metadata = [] if authorization is None else [("authorization", authorization)]
    with refused(grpc.StatusCode.UNAUTHENTICATED, reason):
        _call(probe, *metadata)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(probe, minted, scheme):
    _call(probe, ("authorization", f"{scheme} {minted('user')}"))


@pytest.mark.parametrize(
    "method",
    [
        "/no.such.Service/Method",
        "/vahana.profile.v1.TenantService/NoSuchMethod",
        "/vahana.experiment.v1.DataService/UploadFile",
        "/grpc.channelz.v1.Channelz/GetServers",
    ],
)
def test_nothing_is_told_to_those_without_a_token(probe, refused, method):
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        _call(probe, method=method)


def test_the_token_is_checked_before_the_request_is_read(probe, refused):
    with (
        refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"),
        grpc.insecure_channel(probe.address) as channel,
    ):
        channel.unary_unary(GET)(b"\xff\xff", timeout=10)


def test_health_needs_no_token_and_reflection_does(probe, refused):
    with grpc.insecure_channel(probe.address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            list(reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10))


def test_the_handler_knows_its_caller(probe):
    tenant = probe.stub(tenant_pb2_grpc.TenantServiceStub, "admin").GetTenant(tenant_pb2.GetTenantRequest()).tenant
    assert tenant.name == "default"
    assert tenant.display_name.startswith("admin|admin,operator|")


def test_a_service_may_name_a_tenant(probe):
    stub = probe.stub(tenant_pb2_grpc.TenantServiceStub, "executor", tenant="physics")
    tenant = stub.GetTenant(tenant_pb2.GetTenantRequest()).tenant
    assert (tenant.name, tenant.display_name.split("|")[:2]) == ("physics", ["executor", "service"])


def test_nobody_else_may(probe, refused):
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        stub = probe.stub(tenant_pb2_grpc.TenantServiceStub, "admin", tenant="physics")
        stub.GetTenant(tenant_pb2.GetTenantRequest())
    own = probe.stub(tenant_pb2_grpc.TenantServiceStub, "user", tenant="default")
    assert own.GetTenant(tenant_pb2.GetTenantRequest()).tenant.name == "default"


def test_roles_and_services_are_required(probe, refused):
    def create(who, name):
        stub = probe.stub(tenant_pb2_grpc.TenantServiceStub, who)
        return stub.CreateTenant(tenant_pb2.CreateTenantRequest(name=name))

    create("admin", "operators")
    create("executor", "executors")
    for who, name in (("user", "operators"), ("scheduler", "executors"), ("admin", "executors")):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            create(who, name)


def test_channelz_is_for_operators(probe, refused):
    method = "/grpc.channelz.v1.Channelz/GetServers"
    _call(probe, bearer("admin"), method=method)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        _call(probe, bearer("user"), method=method)


def test_a_service_that_checks_tokens_itself_is_given_whatever_is_shown(probe, refused):
    method = "/vahana.profile.v1.IdentityService/GetCaller"
    answer = _call(probe, ("authorization", "Bearer anything at all"), method=method)
    assert identity_pb2.GetCallerResponse.FromString(answer).caller.subject == "anything at all"
    for metadata in ([], [("authorization", "Bearer ")], [("authorization", "Basic anything")]):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            _call(probe, *metadata, method=method)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        _call(probe, ("authorization", "Bearer anything at all"))


def test_it_checks_them_before_it_reads_the_request(probe, refused):
    method = "/vahana.profile.v1.IdentityService/ExchangeToken"
    wrong = identity_pb2.ExchangeTokenRequest(scopes=["not a scope"] * 30).SerializeToString()
    for content in (b"\xff\xff", wrong, b""):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"), grpc.insecure_channel(probe.address) as channel:
            channel.unary_unary(method)(content, metadata=[("authorization", "Bearer forged")], timeout=10)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"), grpc.insecure_channel(probe.address) as channel:
        channel.unary_unary(method)(wrong, metadata=[("authorization", "Bearer ada")], timeout=10)


def test_no_other_handler_sees_the_token(probe):
    _call(probe, bearer("user"))
    with pytest.raises(LookupError):
        raw_token()


def test_scopes_bound_what_a_token_may_do(probe, refused):
    def call(method, *scopes):
        token = minted("ada", "default", ["admin", "operator"], scopes=list(scopes))
        return _call(probe, ("authorization", f"Bearer {token}"), method=method)

    create = "/vahana.profile.v1.TenantService/CreateTenant"
    upload = "/vahana.experiment.v1.DataService/UploadFile"
    channelz = "/grpc.channelz.v1.Channelz/GetServers"
    call(GET, "profile:read")
    call(GET, "profile:write")
    call(channelz, "*")
    call("/vahana.profile.v1.IdentityService/GetCaller")
    for method, scopes in (
        (create, ["profile:read"]),
        (GET, ["experiment:write", "registry:read"]),
        (GET, []),
        (upload, ["experiment:read", "profile:write"]),
        (channelz, ["profile:write", "experiment:write"]),
    ):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED") as told:
            call(method, *scopes)
        assert "scope" in told.message


def test_the_handler_knows_the_scopes_of_its_caller(probe):
    subject = minted("ada", "default", [], scopes=["profile:read"], tok="tok-7")
    identity = probe.chassis.verifier.verify(subject)
    assert (identity.scopes, identity.token_id) == (frozenset({"profile:read"}), "tok-7")


def test_without_a_key_callers_are_asked_to_come_again(probe, refused, tmp_path):
    probe.chassis.verifier.keys = Keys(tmp_path / "none.json")
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        _call(probe, bearer("user"))
    assert probe.chassis.verifier.keys.wanted.is_set()
