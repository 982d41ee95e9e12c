"""The event sink with a bus in memory and an experiment service that is played, over real gRPC."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Message
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import EVENTSINK, STATUS
from services.chassis.consume import ConsumerLoop
from services.chassis.db import Database
from services.chassis.errors import LimitExceeded, NotAllowed
from services.chassis.migrate import upgrade
from services.chassis.parked import Parked
from services.chassis.rpc.access import FileToken
from services.chassis.rpc.client import channel
from services.chassis.rpc.errors import code_of, to_trailer
from services.eventsink.__main__ import wire
from services.eventsink.consumers import Sink
from services.eventsink.peers import EXPERIMENT, History
from services.eventsink.schema import metadata
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc


class FakeExperiment(process_pb2_grpc.ProcessServiceServicer):
    """Keeps the events it is given once each, in order; refuses while `refusal` is set, fails on ids in `bad`."""

    def __init__(self):
        self.events = []
        self.calls = 0
        self.refusal = None
        self.bad = set()

    def PersistEvents(self, request, context):
        self.calls += 1
        assert dict(context.invocation_metadata())["authorization"] == "Bearer token-eventsink"
        if self.refusal is not None:
            context.set_trailing_metadata((to_trailer(self.refusal),))
            context.abort(code_of(self.refusal), self.refusal.message)
        ids = [each.id for each in request.events]
        if self.bad & set(ids):
            raise ValueError("a defect")
        new = [each for each in ids if each not in self.events]
        self.events += new
        return process_pb2.PersistEventsResponse(recorded=len(new), repeated=len(ids) - len(new))


class Mesh:
    """A bus, the sink on a thread, and an experiment service that comes and goes."""

    def __init__(self, tmp_path):
        self.experiment = FakeExperiment()
        self.bus = MemoryBus()
        self.bus.ensure_topics([STATUS])
        url = f"sqlite:///{tmp_path}/eventsink.db"
        upgrade(url, "services.eventsink")
        self.db = Database(url, metadata)
        token = tmp_path / "token"
        token.write_text("token-eventsink")
        self.address = f"127.0.0.1:{self.serve('127.0.0.1:0')}"
        self._channel = channel(self.address, FileToken(token), service=EXPERIMENT)
        self._stop = threading.Event()
        handle = Sink(History(self._channel)).handle
        loop = ConsumerLoop(self.bus, EVENTSINK, [STATUS], handle, self.db, Parked(metadata), "status", 10)
        self._thread = threading.Thread(target=loop.run, args=(self._stop,))
        self._thread.start()

    def serve(self, address):
        self.server = grpc.server(ThreadPoolExecutor(4))
        process_pb2_grpc.add_ProcessServiceServicer_to_server(self.experiment, self.server)
        port = self.server.add_insecure_port(address)
        self.server.start()
        return port

    def away(self):
        self.server.stop(0).wait()

    def publish(self, *ids, key="proc-1"):
        changes = [
            event_pb2.Envelope(
                id=each,
                tenant="default",
                aggregate_id=key,
                status_changed=event_pb2.StatusChanged(process_id=key, source="executor", seq=number),
            )
            for number, each in enumerate(ids, 1)
        ]
        self.bus.producer().publish([Message(STATUS.name, key, each.SerializeToString()) for each in changes])

    def parked(self):
        with self.db.read() as tx:
            return tx.execute(sa.select(metadata.tables["parked"])).all()

    def end(self):
        self._stop.set()
        self._thread.join(20)
        self._channel.close()
        self.away()
        self.db.close()


@pytest.fixture
def mesh(tmp_path):
    running = Mesh(tmp_path)
    yield running
    running.end()


def until(condition, seconds=30.0):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def test_every_event_is_recorded_in_order(mesh):
    ids = [f"msg-{number:03}" for number in range(100)]
    mesh.publish(*ids)
    until(lambda: len(mesh.experiment.events) == 100)
    assert mesh.experiment.events == ids
    assert mesh.experiment.calls < 100


def test_an_experiment_service_that_is_away_for_a_while(mesh):
    mesh.publish("a")
    until(lambda: mesh.experiment.events == ["a"])
    mesh.away()
    mesh.publish("b", "c")
    mesh.serve(mesh.address)
    mesh.publish("d")
    until(lambda: mesh.experiment.events == ["a", "b", "c", "d"])
    assert mesh.parked() == []


@pytest.mark.parametrize("refusal", [NotAllowed("only eventsink may"), LimitExceeded("too many calls")])
def test_a_refusal_that_is_not_the_messages_fault_parks_none(mesh, refusal):
    mesh.experiment.refusal = refusal
    mesh.publish("a", "b")
    until(lambda: mesh.experiment.calls >= 4)
    mesh.experiment.refusal = None
    until(lambda: mesh.experiment.events == ["a", "b"])
    assert mesh.parked() == []


def test_bytes_that_are_no_message_are_set_aside(mesh):
    mesh.bus.producer().publish([Message(STATUS.name, "proc-1", b"\xff\xff\xff")])
    mesh.publish("a")
    until(lambda: mesh.experiment.events == ["a"])
    (row,) = mesh.parked()
    assert row.value == b"\xff\xff\xff"


def test_one_bad_message_stops_no_other(mesh):
    mesh.experiment.bad = {"b"}
    mesh.publish("a", "b", "c")
    until(lambda: mesh.experiment.events == ["a", "c"])
    (row,) = mesh.parked()
    assert event_pb2.Envelope.FromString(row.value).id == "b"


def test_the_service_is_wired(serve, tmp_path):
    served = serve(wire)
    assert served.chassis.settings.service == "eventsink"
    assert (tmp_path / "home" / "eventsink" / "eventsink.db").exists()
