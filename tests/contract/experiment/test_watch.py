"""WatchExperiment."""

import queue
import threading

import grpc
import pytest
from grpc import StatusCode

from services.chassis.db import Database
from services.chassis.outbox import Outbox
from services.chassis.wake import Wakeups
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.settling import Settling
from services.experiment.schema import metadata
from tests.contract.experiment.people import people
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2, process_pb2, sharing_pb2

END = object()


class Watch:
    """A watch that runs; what it told stands in a queue."""

    def __init__(self, stub, experiment_id):
        request = experiment_pb2.WatchExperimentRequest(experiment_id=experiment_id)
        self.call = stub.WatchExperiment(request)
        self._told = queue.Queue()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def next(self, timeout=20.0):
        return self._told.get(timeout=timeout)

    def stop(self):
        self.call.cancel()
        self._thread.join(20)

    def _follow(self):
        try:
            for response in self.call:
                self._told.put(response)
            self._told.put(END)
        except grpc.RpcError as error:
            self._told.put(error.code())


@pytest.fixture
def watch(service):
    """`watch(experiment_id)` follows it to the end of the test, as ada or by the stub that is given."""
    watches = []

    def start(experiment_id, stub=None):
        watches.append(Watch(stub or service.experiments(), experiment_id))
        return watches[-1]

    yield start
    for each in watches:
        each.stop()


def test_first_what_is_then_what_changes_then_the_end(service, launched, reports, watch):
    watching = watch(launched.experiment_id)
    first = watching.next()
    assert first.experiment == launched
    assert len(first.tasks) == len(service.get(launched.experiment_id).tasks)

    service.persist(reports.process("EXECUTING", 1), reports.task("env-setup", "SCHEDULED"))
    second = watching.next()
    assert second.experiment.state == state_pb2.EXPERIMENT_STATE_EXECUTING
    assert second.process.state == state_pb2.PROCESS_STATE_EXECUTING
    assert [task.task_id for task in second.tasks] == ["env-setup"]

    service.persist(reports.task("stage-in-reads", "SCHEDULED"))
    assert [task.task_id for task in watching.next().tasks] == ["stage-in-reads"]

    service.persist(reports.process("FAILED", 2, reason="exit code 1"))
    last = watching.next()
    assert (last.experiment.state, last.experiment.reason) == (state_pb2.EXPERIMENT_STATE_FAILED, "exit code 1")
    assert not last.tasks
    assert watching.next() is END


def test_from_before_the_launch(service, watch):
    made = service.create()
    watching = watch(made.experiment_id)
    first = watching.next()
    assert first.experiment == made
    assert not first.HasField("process")
    launched = service.launch(made.experiment_id)
    second = watching.next()
    assert second.experiment == launched
    assert second.process.process_id == launched.process_id
    assert len(second.tasks) == 10


def test_what_changes_nothing_is_not_told(service, launched, reports, watch):
    executing = reports.process("EXECUTING", 2)
    service.persist(executing)
    watching = watch(launched.experiment_id)
    watching.next()
    service.persist(executing, reports.process("QUEUED", 1), reports.task("submit", "EXECUTING", attempt=0))
    service.persist(reports.process("COMPLETED", 3))
    assert watching.next().experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED
    assert watching.next() is END


def test_an_ended_experiment_is_told_once(service, launched, reports, watch):
    service.persist(reports.process("CANCELED", 1))
    watching = watch(launched.experiment_id)
    assert watching.next().experiment.state == state_pb2.EXPERIMENT_STATE_CANCELED
    assert watching.next() is END


def test_what_another_replica_records_is_seen(service, launched, reports, watch):
    watching = watch(launched.experiment_id)
    watching.next()
    replica = Database(service.served.chassis.settings.database_url, metadata)
    request = process_pb2.PersistEventsRequest(events=[reports.process("EXECUTING", 1)])
    Recording(replica, Wakeups(), Settling(replica, Outbox(metadata))).persist(request)
    replica.close()
    assert watching.next().experiment.state == state_pb2.EXPERIMENT_STATE_EXECUTING


def test_several_watch_at_once(service, launched, reports, watch):
    watching = [watch(launched.experiment_id) for _ in range(5)]
    for each in watching:
        each.next()
    service.persist(reports.process("FAILED", 1))
    for each in watching:
        assert each.next().experiment.state == state_pb2.EXPERIMENT_STATE_FAILED
        assert each.next() is END


def test_one_that_does_not_exist(service, watch):
    assert watch("exp-none").next() == StatusCode.NOT_FOUND


def test_a_watch_ends_when_it_is_not_shared_any_more(service, registry, launched, watch):
    registry.user("bob")
    registry.group("lab", "bob")
    service.learn()
    with people(service.served.address) as person:
        ada, bob = person("ada"), person("bob")
        ada.share("phages", "group:lab", "WRITE")
        ada.share("phages", "user:bob", "READ")
        watching, mine = watch(launched.experiment_id, bob.experiments), watch(launched.experiment_id)
        assert watching.next().experiment.permission == sharing_pb2.PERMISSION_WRITE
        ada.unshare("phages", "group:lab")
        assert watching.next().experiment.permission == sharing_pb2.PERMISSION_READ
        ada.unshare("phages", "user:bob")
        assert watching.next() == StatusCode.NOT_FOUND
        assert mine.next().experiment == launched
