"""Who gets in, and as whom."""

import json

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc

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
        ("Bearer token-user extra", "TOKEN_INVALID"),
    ],
)
def test_a_call_without_a_good_token_is_refused(probe, refused, authorization, reason):
    metadata = [] if authorization is None else [("authorization", authorization)]
    with refused(grpc.StatusCode.UNAUTHENTICATED, reason):
        _call(probe, *metadata)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(probe, scheme):
    _call(probe, ("authorization", f"{scheme} token-user"))


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
    _call(probe, ("authorization", "Bearer token-admin"), method=method)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        _call(probe, ("authorization", "Bearer token-user"), method=method)


def test_a_changed_file_of_identities_is_read_again(probe, refused):
    user = ("authorization", "Bearer token-user")
    _call(probe, user)
    path = probe.chassis.settings.identities_file
    kept = path.read_text()

    path.write_text("{ half a fi")
    _call(probe, user)

    path.write_text(json.dumps({"identities": [each for each in _entries(kept) if each["subject"] != "ada"]}))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        _call(probe, user)

    path.write_text(kept)
    _call(probe, user)


def _entries(text):
    return json.loads(text)["identities"]
