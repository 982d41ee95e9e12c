"""Who gets in at the gateway, with what, and what services are shown of it."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.contract.conftest import IDENTITIES, bearer
from tests.contract.gateway.conftest import BACKENDS
from tests.contract.tokens import minted
from vahana.experiment.v1 import data_pb2, data_pb2_grpc, experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc, tenant_pb2, tenant_pb2_grpc

GET = tenant_pb2.GetTenantRequest(name="ada")
RAW = [("authorization", "Bearer token-user")]
EXCHANGE = "/vahana.profile.v1.IdentityService/ExchangeToken"


@pytest.fixture
def channel(gateway):
    with grpc.insecure_channel(gateway.address) as opened:
        yield opened


@pytest.fixture
def tenants(channel):
    return tenant_pb2_grpc.TenantServiceStub(channel)


def _shown(seen):
    """Claims of the tokens a backend was shown."""
    tokens = [each["authorization"].removeprefix("Bearer ") for each in seen.metadata]
    return [json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")) for token in tokens]


def test_services_are_shown_an_access_token_and_nothing_else(tenants, backends):
    for _ in range(3):
        assert tenants.GetTenant(GET, metadata=RAW).tenant.name == "ada"
    assert [(claims["sub"], claims["tenant"]) for claims in _shown(backends.profile.seen)] == [("ada", "default")] * 3
    assert backends.profile.exchange.asked == ["Bearer token-user"]
    assert not any("token-user" in str(metadata) for metadata in backends.profile.seen.metadata)


def test_an_access_token_goes_on_as_it_is(tenants, backends):
    sent = bearer("user")
    tenants.GetTenant(GET, metadata=[sent])
    assert backends.profile.seen.metadata[0]["authorization"] == sent[1]
    assert backends.profile.exchange.asked == []


def test_the_first_call_may_be_of_any_kind(channel, backends):
    data, experiments = data_pb2_grpc.DataServiceStub(channel), experiment_pb2_grpc.ExperimentServiceStub(channel)
    tokens = iter([("authorization", f"Bearer token-{who}")] for who in ("user", "admin", "other"))
    chunks = (data_pb2.UploadFileRequest(chunk=b"x" * 1000) for _ in range(30))
    assert data.UploadFile(chunks, metadata=next(tokens), timeout=20).size == 30_000
    wanted = data_pb2.DownloadOutputRequest(experiment_id="exp-1", output="all")
    assert len(list(data.DownloadOutput(wanted, metadata=next(tokens), timeout=20))) == 200
    watch = experiment_pb2.WatchExperimentRequest(experiment_id="exp-1")
    stream = experiments.WatchExperiment(watch, metadata=next(tokens), timeout=20)
    backends.experiment.seen.say.put("one")
    assert next(stream).experiment.experiment_id == "one"
    stream.cancel()
    assert backends.experiment.seen.ended.wait(10)
    assert len(backends.profile.exchange.asked) == 3


def test_the_first_call_keeps_its_deadline_and_its_answer_whole(tenants, backends):
    sent = [*RAW, ("x-request-id", "mine-1"), ("traceparent", "00-abc-def-01")]
    answer, call = tenants.GetTenant.with_call(GET, metadata=sent, timeout=9)
    assert answer.tenant.name == "ada"
    assert dict(call.initial_metadata())["x-first"] == "a"
    assert dict(call.trailing_metadata())["x-last"] == "b"
    assert dict(sent[1:]).items() <= backends.profile.seen.metadata[0].items()
    assert 0 < backends.profile.seen.remaining[0] <= 9.02
    with pytest.raises(grpc.RpcError) as caught:
        tenants.GetTenant(
            tenant_pb2.GetTenantRequest(name="refuse"), metadata=[("authorization", "Bearer token-admin")]
        )
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "gone")


def test_many_first_calls_at_once_are_one_exchange(tenants, backends):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: tenants.GetTenant(GET, metadata=RAW), range(20)))
    assert len(answers) == 20
    assert backends.profile.exchange.asked == ["Bearer token-user"]


def test_the_identity_service_is_shown_what_the_caller_showed(channel, backends):
    answer = identity_pb2_grpc.IdentityServiceStub(channel).ExchangeToken(
        identity_pb2.ExchangeTokenRequest(), metadata=RAW
    )
    assert answer.caller.subject == "ada"
    assert backends.profile.exchange.asked == ["Bearer token-user"] * 2


FORGED = {
    "nobody's": "nobody",
    "an API token's": "vht_abc",
    "another issuer's": minted("ada", "default", [], iss="https://accounts.example.org"),
    "expired": minted("ada", "default", [], iat=1_000_000, exp=1_000_300),
    "another audience's": minted("ada", "default", [], aud="other"),
    "not signed": ".".join([*minted("ada", "default", []).split(".")[:2], ""]),
    "long": "x" * 4000,
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_tokens_reach_no_service(channel, backends, refused, what, capfd):
    methods = (
        "/vahana.profile.v1.TenantService/GetTenant", EXCHANGE, "/no.such.Service/Get",
        "/grpc.channelz.v1.Channelz/GetServers",
    )  # fmt: skip
    for method in methods:
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID") as told:
            channel.unary_unary(method)(b"", metadata=[("authorization", f"Bearer {FORGED[what]}")], timeout=10)
        assert FORGED[what] not in told.message
    reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        metadata = [("authorization", f"Bearer {FORGED[what]}")]
        list(reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=metadata, timeout=10))
    assert all(getattr(backends, name).seen.metadata == [] for name in BACKENDS)
    assert len(backends.profile.exchange.asked) <= 1
    assert FORGED[what] not in "".join(capfd.readouterr())


def test_a_token_for_something_else_does_not_get_through(channel, tenants, backends, refused):
    subject, tenant, roles = IDENTITIES["user"]
    token = minted(subject, tenant, roles, scopes=["registry:write", "profile:read"])
    metadata = [("authorization", f"Bearer {token}")]
    assert tenants.GetTenant(GET, metadata=metadata).tenant.name == "ada"
    assert len(backends.profile.seen.metadata) == 1
    for method in ("profile.v1.TenantService/CreateTenant", "experiment.v1.ExperimentService/GetExperiment"):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED") as told:
            channel.unary_unary(f"/vahana.{method}")(b"", metadata=metadata, timeout=10)
        assert "scope" in told.message
    assert len(backends.profile.seen.metadata) == 1


def test_without_profile_who_is_known_goes_on(tenants, channel, backends, refused):
    data = data_pb2_grpc.DataServiceStub(channel)
    tenants.GetTenant(GET, metadata=RAW)
    backends.profile.down()
    wanted = data_pb2.DownloadOutputRequest(experiment_id="exp-1", output="all")
    for metadata in (RAW, [bearer("admin")]):
        assert len(list(data.DownloadOutput(wanted, metadata=metadata, timeout=10))) == 200
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as told:
        list(data.DownloadOutput(wanted, metadata=[("authorization", "Bearer token-admin")], timeout=10))
    assert "profile" in told.message
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        list(data.DownloadOutput(wanted, metadata=[("authorization", f"Bearer {FORGED['expired']}")], timeout=10))


@pytest.fixture
def hurried(monkeypatch):
    for name, value in {"rate_per_second": "0.001", "rate_burst": "5"}.items():
        monkeypatch.setenv(f"VAHANA_{name.upper()}", value)
    for name, value in {"failed_rate_per_second": "0.001", "failed_rate_burst": "3"}.items():
        monkeypatch.setenv(f"VAHANA_{name.upper()}", value)


def test_a_caller_who_calls_too_often(hurried, tenants, channel, refused):
    for _ in range(5):
        tenants.GetTenant(GET, metadata=[bearer("user")])
    for metadata in ([bearer("user")], RAW):
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
            tenants.GetTenant(GET, metadata=metadata)
    tenants.GetTenant(GET, metadata=[bearer("admin")])
    health = health_pb2_grpc.HealthStub(channel)
    for _ in range(10):
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_an_address_that_guesses_tokens(hurried, tenants, backends, refused):
    for number in range(3):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
            tenants.GetTenant(GET, metadata=[("authorization", f"Bearer guess-{number}")])
    for token in ("guess-4", FORGED["expired"], "token-other"):
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
            tenants.GetTenant(GET, metadata=[("authorization", f"Bearer {token}")])
    assert len(backends.profile.exchange.asked) == 3
    tenants.GetTenant(GET, metadata=[bearer("user")])


def test_calls_that_wait_for_profile_end_with_their_caller(tenants, backends, gateway, until):
    backends.profile.exchange.wait.clear()
    calls = [tenants.GetTenant.future(GET, metadata=[("authorization", f"Bearer slow-{n}")]) for n in range(10)]
    until(lambda: gateway.chassis.rpc.guard.active == 10)
    with pytest.raises(grpc.RpcError) as caught:
        tenants.GetTenant(GET, metadata=[("authorization", "Bearer slow-0")], timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    tenants.GetTenant(GET, metadata=[bearer("user")], timeout=10)
    for call in calls:
        call.cancel()
    until(lambda: gateway.chassis.rpc.guard.active == 0)
    backends.profile.exchange.wait.set()
