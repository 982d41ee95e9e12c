"""A gateway before backends that do what a test tells them."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.run import Chassis
from services.gateway.__main__ import mount
from services.gateway.settings import GatewaySettings
from tests.contract.conftest import IDENTITIES
from tests.contract.exchange import Exchange
from tests.contract.tokens import minted
from vahana.experiment.v1 import data_pb2, data_pb2_grpc, experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import identity_pb2_grpc, tenant_pb2, tenant_pb2_grpc

BACKENDS = ("profile", "registry", "experiment", "scheduler", "executor", "eventsink")


@dataclass
class Seen:
    """What a backend was sent, and signs of what happened to its calls."""

    metadata: list[dict[str, object]] = field(default_factory=list)
    peers: set[str] = field(default_factory=set)
    remaining: list[float | None] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    say: queue.Queue[object] = field(default_factory=queue.Queue)

    def note(self, context) -> None:
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.add(context.peer())
        self.remaining.append(context.time_remaining())
        context.add_callback(self.ended.set)
        self.entered.set()


class Tenants(tenant_pb2_grpc.TenantServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def GetTenant(self, request, context):
        self.seen.note(context)
        if request.name == "wait":
            self.seen.say.get(timeout=30)
        if request.name == "refuse":
            context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05\x12\x04gone"), ("x-own", "1")])
            context.abort(grpc.StatusCode.NOT_FOUND, "gone")
        context.send_initial_metadata([("x-first", "a")])
        context.set_trailing_metadata([("x-last", "b"), ("x-last-bin", b"\x00\xff")])
        return tenant_pb2.GetTenantResponse(tenant=tenant_pb2.Tenant(name=request.name))


class Data(data_pb2_grpc.DataServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def UploadFile(self, requests, context):
        self.seen.note(context)
        size = 0
        for request in requests:
            if request.chunk == b"refuse":
                context.abort(grpc.StatusCode.DATA_LOSS, "enough")
            size += len(request.chunk)
        return data_pb2.UploadFileResponse(size=size)

    def DownloadOutput(self, request, context):
        self.seen.note(context)
        for number in range(200):
            yield data_pb2.DownloadOutputResponse(chunk=number.to_bytes(2, "big") * 5000)
        if request.output == "break":
            context.abort(grpc.StatusCode.DATA_LOSS, "broken")
        context.set_trailing_metadata([("x-last", "c")])


class Experiments(experiment_pb2_grpc.ExperimentServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def WatchExperiment(self, request, context):
        self.seen.note(context)
        while context.is_active():
            try:
                said = self.seen.say.get(timeout=0.1)
            except queue.Empty:
                continue
            if said is None:
                return
            if not context.is_active():
                return self.seen.say.put(said)  # it was said to a watch that still goes on
            yield experiment_pb2.WatchExperimentResponse(experiment=experiment_pb2.Experiment(experiment_id=str(said)))


class Healthy(health_pb2_grpc.HealthServicer):
    """SERVING for every name until told otherwise."""

    def __init__(self) -> None:
        self.status = health_pb2.HealthCheckResponse.SERVING
        self.watches: list[queue.Queue[int]] = []
        self.watched: list[str] = []
        self.checks: list[str] = []
        self.unwatched = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def Check(self, request, context):
        self.checks.append(context.peer())
        self.go.wait(30)
        return health_pb2.HealthCheckResponse(status=self.status)

    def Watch(self, request, context):
        changes: queue.Queue[int | None] = queue.Queue()
        changes.put(self.status)
        self.watches.append(changes)
        self.watched.append(request.service)
        context.add_callback(lambda: changes.put(None))
        while (status := changes.get()) is not None:
            yield health_pb2.HealthCheckResponse(status=status)
        if request.service:
            self.unwatched.set()

    def become(self, status: int) -> None:
        self.status = status
        for watch in self.watches:
            watch.put(status)


class ShortLived(Exchange):
    """Gives tokens that live for `seconds`."""

    seconds = 300

    def ExchangeToken(self, request, context):
        answer = super().ExchangeToken(request, context)
        answer.expire_time.seconds = end = int(time.time()) + self.seconds
        answer.access_token = minted(answer.caller.subject, answer.caller.tenant, list(answer.caller.roles), exp=end)
        return answer


class Backend:
    """One service of the mesh, faked with every service a test needs; can be taken down and brought back."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.health = Healthy()
        self.exchange = ShortLived(IDENTITIES)
        self.port = 0
        self.server: grpc.Server | None = None
        self.up()

    def up(self) -> None:
        self.server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        tenant_pb2_grpc.add_TenantServiceServicer_to_server(Tenants(self.seen), self.server)
        data_pb2_grpc.add_DataServiceServicer_to_server(Data(self.seen), self.server)
        experiment_pb2_grpc.add_ExperimentServiceServicer_to_server(Experiments(self.seen), self.server)
        identity_pb2_grpc.add_IdentityServiceServicer_to_server(self.exchange, self.server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def down(self) -> None:
        if self.server is not None:
            self.server.stop(0).wait()
            self.server = None


@pytest.fixture
def backends():
    made = {name: Backend() for name in BACKENDS}
    yield SimpleNamespace(**made)
    for each in made.values():
        each.seen.say.put(None)
        each.exchange.wait.set()
        each.health.go.set()
        each.down()


@pytest.fixture
def gateway(serve, backends):
    """The gateway, running; `gateway.stub(kind, who)`."""

    def wire() -> Chassis:
        settings = GatewaySettings()
        chassis = Chassis.start(settings, None, "services.gateway")
        mount(chassis.rpc, settings, chassis.verifier)
        return chassis

    return serve(wire, **{f"{name}_address": f"127.0.0.1:{getattr(backends, name).port}" for name in BACKENDS})


@pytest.fixture
def until():
    def wait(condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.01)

    return wait


@pytest.fixture
def channel(gateway):
    with grpc.insecure_channel(gateway.address) as opened:
        yield opened


@pytest.fixture
def health(channel):
    return health_pb2_grpc.HealthStub(channel)
