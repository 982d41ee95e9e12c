"""What one caller, or nobody in particular, may hold of the mesh; and how long."""

import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2

from services.chassis.rpc import open_watches
from services.gateway.table import owners
from tests.contract.conftest import bearer
from vahana.experiment.v1 import experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc, tenant_pb2, tenant_pb2_grpc
from vahana_client.cli import watch as cli
from vahana_client.connection import Connection

NAME = "vahana.registry.v1.ApplicationService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
GET = tenant_pb2.GetTenantRequest(name="ada")
WATCH = experiment_pb2.WatchExperimentRequest(experiment_id="exp-1")
FULL = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
RAW = [("authorization", "Bearer token-user")]


def test_watchers_of_health_share_one_watch_and_are_bounded(health, backends, refused):
    request = health_pb2.HealthCheckRequest(service=NAME)
    watches = [health.Watch(request) for _ in range(open_watches.PER_ADDRESS)]
    for each in watches:
        assert next(each).status == SERVING
    with refused(*FULL):
        next(health.Watch(request, timeout=10))
    assert backends.registry.health.watched.count(NAME) == 1
    backends.registry.health.become(NOT_SERVING)
    for each in watches:
        assert next(each).status == NOT_SERVING
    for each in watches:
        assert not backends.registry.health.unwatched.is_set()
        each.cancel()
    assert backends.registry.health.unwatched.wait(20)
    assert backends.registry.health.watched.count(NAME) == 1


def test_who_asks_after_health_at_the_same_time_gets_one_answer(health, backends, until):
    backends.registry.health.go.clear()
    asked = [health.Check.future(health_pb2.HealthCheckRequest(service=NAME), timeout=30) for _ in range(30)]
    until(lambda: backends.registry.health.checks)
    lists = [health.List.future(health_pb2.HealthListRequest(), timeout=30) for _ in range(10)]
    until(lambda: len(backends.profile.health.checks) >= 1)
    backends.registry.health.go.set()
    assert {each.result().status for each in asked} == {SERVING}
    for each in lists:
        each.result()
    # Nearly all come together: some may be late, and meet an answer that has come already.
    of_registry = [name for name, owner in owners().items() if owner == "registry"]
    assert len(backends.registry.health.checks) < 10 * len(of_registry)


def test_health_has_a_connection_of_its_own(channel, health, backends):
    tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(GET, metadata=[bearer("user")], timeout=10)
    health.Check(health_pb2.HealthCheckRequest(service="vahana.profile.v1.TenantService"), timeout=10)
    assert not backends.profile.seen.peers & set(backends.profile.health.checks)


@pytest.fixture
def bounded(monkeypatch):
    monkeypatch.setenv("VAHANA_CALLS_PER_CALLER", "3")
    monkeypatch.setenv("VAHANA_WATCHES_PER_CALLER", "2")


@pytest.fixture
def watching(channel, backends, until):
    """`watching(metadata)`: a watch that has reached its service."""

    def start(who):
        seen = backends.experiment.seen.metadata
        before = len(seen)
        stream = experiment_pb2_grpc.ExperimentServiceStub(channel).WatchExperiment(WATCH, metadata=who, timeout=60)
        until(lambda: len(seen) > before)
        return stream

    return start


def test_a_caller_has_so_many_calls_and_watches(bounded, channel, backends, watching, refused, until, gateway):
    tenants = tenant_pb2_grpc.TenantServiceStub(channel)
    watches = [watching([bearer("user")]), watching(RAW)]
    for who in ([bearer("user")], RAW):
        with refused(*FULL) as told:
            next(experiment_pb2_grpc.ExperimentServiceStub(channel).WatchExperiment(WATCH, metadata=who, timeout=10))
        assert "VAHANA_WATCHES_PER_CALLER" in told.message
    waiting = tenants.GetTenant.future(tenant_pb2.GetTenantRequest(name="wait"), metadata=RAW, timeout=60)
    assert backends.profile.seen.entered.wait(10)
    with refused(*FULL) as told:
        tenants.GetTenant(GET, metadata=[bearer("user")], timeout=10)
    assert "VAHANA_CALLS_PER_CALLER" in told.message
    assert tenants.GetTenant(GET, metadata=[bearer("admin")], timeout=10).tenant.name == "ada"
    others = watching([bearer("admin")])
    backends.profile.seen.say.put(None)
    waiting.result(timeout=20)
    for each in [*watches, others]:
        each.cancel()
    until(lambda: gateway.chassis.rpc.guard.active == 0)
    assert tenants.GetTenant(GET, metadata=RAW, timeout=10).tenant.name == "ada"


def test_the_meshs_services_do_not_come_in_here(channel, backends, refused):
    shown = ([bearer("executor")], [("authorization", "Bearer token-executor")])
    for metadata in shown:
        for tenant in ([], [("x-vahana-tenant", "default")]):
            with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED") as told:
                tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(GET, metadata=[*metadata, *tenant], timeout=10)
            assert "gateway" in told.message
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            identity_pb2_grpc.IdentityServiceStub(channel).ExchangeToken(
                identity_pb2.ExchangeTokenRequest(), metadata=metadata, timeout=10
            )
    assert backends.profile.seen.metadata == []


def test_a_watch_ends_with_the_token_that_was_exchanged_for_it(channel, backends, watching, refused):
    backends.profile.exchange.seconds = 4
    began = time.time()
    stream = watching(RAW)
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as told:
        next(stream)
    assert told.message == "the access token of this stream has ended; call again"
    assert 3 <= time.time() - began < 30
    assert backends.experiment.seen.ended.wait(10)
    # Who may come in no more by then is told so.
    backends.profile.exchange._known.clear()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        next(experiment_pb2_grpc.ExperimentServiceStub(channel).WatchExperiment(WATCH, metadata=RAW, timeout=10))


def test_the_command_line_goes_on_watching_with_another_token(gateway, backends, until):
    seen, exchange = backends.experiment.seen, backends.profile.exchange
    exchange.seconds = 3

    def say():
        until(lambda: len(seen.metadata) == 1)
        exchange.seconds = 300
        seen.say.put("one")
        until(lambda: len(seen.metadata) == 2)
        seen.say.put("two")

    saying = threading.Thread(target=say, daemon=True)
    saying.start()
    with Connection(gateway.address, "token-user") as connection:
        updates = cli._updates(connection, "exp-1")
        assert [next(updates).experiment.experiment_id for _ in range(2)] == ["one", "two"]
    saying.join(20)
    shown = [each["authorization"] for each in seen.metadata]
    assert shown[0] != shown[1]
    assert exchange.asked == ["Bearer token-user"] * 2
