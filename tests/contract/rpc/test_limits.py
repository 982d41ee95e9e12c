"""What one caller, or nobody in particular, may hold of a service; and how long."""

import asyncio
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.rpc import open_watches, server
from tests.contract.conftest import bearer
from tests.contract.tokens import minted
from vahana.experiment.v1 import experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc

WATCH = experiment_pb2.WatchExperimentRequest(experiment_id="exp-1")
GET = tenant_pb2.GetTenantRequest()
FULL = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")


def _until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def bounded(monkeypatch):
    monkeypatch.setenv("VAHANA_CALLS_PER_CALLER", "3")
    monkeypatch.setenv("VAHANA_WATCHES_PER_CALLER", "2")


def _watching(probe, who, number):
    watch = probe.stub(experiment_pb2_grpc.ExperimentServiceStub, who).WatchExperiment
    streams = [watch(WATCH, timeout=60) for _ in range(number)]
    for each in streams:
        next(each)
    return streams


def test_a_caller_has_so_many_calls_and_watches_and_others_go_on(bounded, probe, stubs, gates, refused):
    watches = _watching(probe, "user", 2)
    with refused(*FULL) as told:
        next(stubs.experiments.WatchExperiment(WATCH, timeout=10))
    assert "VAHANA_WATCHES_PER_CALLER" in told.message
    waiting = stubs.tenants.GetTenant.future(tenant_pb2.GetTenantRequest(name="wait"), metadata=[bearer("user")])
    assert gates.entered.wait(10)
    with refused(*FULL) as told:
        stubs.tenants.GetTenant(GET, timeout=10)
    assert "VAHANA_CALLS_PER_CALLER" in told.message
    _watching(probe, "admin", 2)
    _watching(probe, "executor", 10)
    for each in watches:
        each.cancel()
    gates.release.set()
    assert waiting.result(timeout=20).tenant.name == "default"
    _until(lambda: not _refuses(stubs))
    _watching(probe, "user", 2)


def _refuses(stubs):
    try:
        stubs.tenants.GetTenant(GET, timeout=10)
    except grpc.RpcError:
        return True
    return False


@pytest.fixture
def crowded(monkeypatch):
    """More calls at once than HTTP/2 connections carry by default, all of one caller."""
    monkeypatch.setattr(server, "MAX_CALLS", 1100)
    monkeypatch.setenv("VAHANA_CALLS_PER_CALLER", "5000")
    monkeypatch.setenv("VAHANA_WATCHES_PER_CALLER", "5000")


def test_a_connection_carries_all_calls_so_that_one_too_many_is_refused(crowded, probe):
    async def scenario():
        async with grpc.aio.insecure_channel(probe.address) as channel:
            watch = experiment_pb2_grpc.ExperimentServiceStub(channel).WatchExperiment
            streams = []
            # Not all in one breath: of what waits to be taken gRPC keeps no more than some hundreds.
            for _ in range(11):
                more = [watch(WATCH, metadata=[bearer("user")], timeout=60) for _ in range(100)]
                await asyncio.gather(*(each.read() for each in more))
                streams += more
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(GET, metadata=[bearer("admin")], timeout=20)
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
            for each in streams:
                each.cancel()
        return caught.value

    error = asyncio.run(scenario())
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "1100 calls" in error.details()


def _health(address, ending):
    """Over a connection of its own."""
    channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
    ending.append(channel.close)
    return health_pb2_grpc.HealthStub(channel)


def test_watches_of_health_are_bounded_by_address(probe, refused):
    ending = []
    health = _health(probe.address, ending)
    request = health_pb2.HealthCheckRequest()
    watches = [health.Watch(request) for _ in range(open_watches.PER_ADDRESS)]
    for each in watches:
        assert next(each).status == health_pb2.HealthCheckResponse.SERVING
    with refused(*FULL):
        next(health.Watch(request, timeout=10))
    # By its first one a client learns whether it may call at all.
    others = _health(probe.address, ending)
    watches.append(others.Watch(request))
    next(watches[-1])
    with refused(*FULL):
        next(others.Watch(request, timeout=10))
    assert health.Check(request, timeout=10).status == health_pb2.HealthCheckResponse.SERVING
    for each in watches:
        each.cancel()
    _until(lambda: not probe.chassis.rpc._health._open._of_addresses)
    for again in [others.Watch(request) for _ in range(2)]:
        assert next(again).status == health_pb2.HealthCheckResponse.SERVING
    for close in ending:
        close()


def test_a_watch_ends_with_its_token_and_a_call_does_not(probe, stubs, gates, refused):
    # Taken for five seconds more than it says, as clocks may be apart.
    now = int(time.time())
    token = [("authorization", f"Bearer {minted('ada', 'default', [], iat=now - 200, exp=now - 2)}")]
    with grpc.insecure_channel(probe.address) as channel:
        stream = experiment_pb2_grpc.ExperimentServiceStub(channel).WatchExperiment(WATCH, metadata=token, timeout=60)
        waiting = tenant_pb2_grpc.TenantServiceStub(channel).GetTenant.future(
            tenant_pb2.GetTenantRequest(name="wait"), metadata=token, timeout=60
        )
        assert [next(stream).experiment.experiment_id for _ in range(2)] == ["first", "second"]
        assert gates.entered.wait(10)
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as told:
            next(stream)
        assert told.message == "the access token of this stream has ended; call again"
        assert now + 3 <= time.time() < now + 30
        assert gates.closed.wait(10)
        gates.release.set()
        assert waiting.result(timeout=20).tenant.name == "default"
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
            tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(GET, metadata=token, timeout=10)
    next(stubs.experiments.WatchExperiment(WATCH, timeout=10))
