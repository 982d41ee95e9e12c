"""A history is settled once it is whole, and what is missing is asked for, in a real database of either kind."""

import itertools
import random
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from services.chassis.bus.topics import HISTORY, PROCESS
from services.chassis.db import Database
from services.chassis.outbox import FORGOTTEN_US, Outbox
from services.chassis.wake import Wakeups
from services.experiment.domain.records import Experiment, Process, Project, Task
from services.experiment.domain.transitions import ExperimentState, ProcessState, TaskState
from services.experiment.handlers import settling
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.settling import IDLE, Settling
from services.experiment.schema import metadata
from services.experiment.storage import experiments, processes, projects
from services.experiment.wire import messages
from tests.contract.experiment.conftest import Reports
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import process_pb2

SECOND = 1_000_000
SETTLED, WANTED = "history_settled", "history_wanted"
OUTBOX, PROCESSES = metadata.tables["outbox"], metadata.tables["process"]


class MovableDatabase(Database):
    """A database whose clock can be put forward."""

    ahead_us = 0

    def now_us(self, tx):
        return Database.now_us(tx) + self.ahead_us


class World:
    """The recording of histories, of processes of two tasks."""

    def __init__(self, url):
        self.url = url
        self.db = MovableDatabase(url, metadata)
        self.db.create_tables()
        self.outbox = Outbox(metadata)
        self.settling = Settling(self.db, self.outbox)
        self.recording = Recording(self.db, Wakeups(), self.settling)
        self._numbers = itertools.count(1)
        with self.db.write() as tx:
            for tenant in ("default", "other"):
                projects.insert(tx, tenant, Project("p", "", "ada", 0))

    def launch(self, tenant="default"):
        """A process launched, and told of to the scheduler; returns what makes its reports."""
        number = next(self._numbers)
        process_id, experiment_id = f"proc-{number}", f"exp-{number}"
        standing = {"reason": "", "condition_code": 0, "create_time": 0, "update_time": 0, "revision": 1}
        own = Experiment(
            experiment_id, "p", b"", ExperimentState.LAUNCHED, process_id=process_id, owner="ada", **standing
        )
        row = Process(
            tenant, process_id, experiment_id, ProcessState.CREATED, 0,
            seq=0, last_position=0, directory="", target=b"", **standing,
        )  # fmt: skip
        tasks = [
            Task(process_id, name, place, 1, TaskState.CREATED, 0, 0, False, 3, "", 0, "", b"", None, None, 1)
            for place, name in enumerate(("setup", "cleanup"))
        ]
        with self.db.write() as tx:
            experiments.insert(tx, tenant, own, [])
            processes.insert(tx, tenant, row, tasks, [b"", b""])
            self.outbox.add(tx, PROCESS, process_id, messages.launched(row, "", 2).SerializeToString(), process_id)
        return Reports(SimpleNamespace(experiment_id=experiment_id, process_id=process_id), tenant)

    def record(self, *events):
        self.recording.persist(process_pb2.PersistEventsRequest(events=events))

    def forward(self, seconds):
        self.db.ahead_us += int(seconds * SECOND)

    def look(self):
        """Look at all that is due; returns in how many seconds there will be more."""
        while (wait := self.settling.look()) == 0:
            pass
        return wait

    def told(self):
        """What the others are told of histories: what is kept of it, by process."""
        found = []
        with self.db.read() as tx:
            kept = sa.func.coalesce(OUTBOX.c.sent_us, 1) != FORGOTTEN_US
            for row in tx.execute(sa.select(OUTBOX).where(OUTBOX.c.topic == HISTORY.name, kept).order_by(OUTBOX.c.id)):
                envelope = event_pb2.Envelope.FromString(row.value)
                content = getattr(envelope, envelope.WhichOneof("payload"))
                assert (row.key, envelope.source) == (content.process_id, "experiment")
                found.append((content.process_id, envelope.WhichOneof("payload"), envelope.tenant))
        return found

    def keeps(self, process_id):
        """The topics of what is kept of a process to be sent again, or for the first time."""
        with self.db.read() as tx:
            query = sa.select(OUTBOX.c.topic).where(OUTBOX.c.key == process_id)
            return set(tx.execute(query.where(sa.func.coalesce(OUTBOX.c.sent_us, 1) != FORGOTTEN_US)).scalars())

    def process(self, process_id="proc-1"):
        with self.db.read() as tx:
            return tx.execute(sa.select(PROCESSES).where(PROCESSES.c.process_id == process_id)).one()


@pytest.fixture
def world(database_url):
    """An experiment service's history, with nothing in it."""
    made = World(database_url)
    yield made
    made.db.close()


def whole(reports):
    """All that is told of a process."""
    return [
        reports.process("QUEUED", 1),
        reports.process("EXECUTING", 2),
        reports.task("setup", "SCHEDULED"),
        reports.task("setup", "EXECUTING"),
        reports.task("setup", "COMPLETED", seq=2),
        reports.task("cleanup", "SKIPPED", attempt=0),
        reports.process("COMPLETED", 3),
    ]


def test_it_is_settled_with_its_last_event_and_no_sooner(world):
    events = whole(world.launch())
    world.record(*events[:-1])
    assert (world.told(), world.process().settled_us) == ([], None)
    world.record(events[-1])
    assert world.told() == [("proc-1", SETTLED, "default")]
    assert world.process().settled_us is not None
    assert world.keeps("proc-1") == {HISTORY.name}
    assert world.look() == IDLE


def test_it_is_settled_once_in_whatever_order_and_however_often_it_comes(world):
    seeded = random.Random(7)
    for number in range(1, 13):
        events = whole(world.launch())
        told = [*events, *seeded.choices(events, k=5)]
        seeded.shuffle(told)
        while told:
            size = seeded.randint(1, 5)
            world.record(*told[:size])
            told = told[size:]
        world.record(*events)
        assert world.told()[number - 1 :] == [(f"proc-{number}", SETTLED, "default")]


def test_what_is_missing_is_asked_for_ever_more_seldom_and_then_settled(world):
    events = whole(world.launch())
    world.record(*(event for event in events if event is not events[4]))
    assert world.told() == []
    assert 0 < world.look() <= 5
    for seconds in (5, 10, 20, 40, 80, 160, 320, 600, 600):
        assert 0 < world.look() <= min(seconds, IDLE)
        world.forward(seconds - 2)
        before = world.process().times_asked
        world.look()
        assert world.process().times_asked == before
        world.forward(2)
        world.look()
        assert world.process().times_asked == before + 1
        assert world.told() == [("proc-1", WANTED, "default")]
    world.record(events[4])
    assert world.told() == [("proc-1", SETTLED, "default")]
    world.forward(600)
    assert world.look() == IDLE


def test_what_nobody_keeps_any_more_is_not_asked_for(world):
    world.record(*whole(world.launch())[1:])
    world.forward(15 * 24 * 3600)
    assert world.look() == IDLE
    assert (world.told(), world.process().settled_us) == ([], None)


def test_tenants_are_told_of_their_own(world):
    mine, theirs = world.launch(), world.launch("other")
    foreign = whole(Reports(SimpleNamespace(experiment_id="exp-1", process_id="proc-1"), "other"))
    world.record(*foreign, *whole(theirs))
    assert world.told() == [("proc-2", SETTLED, "other")]
    assert world.process().state == ProcessState.CREATED
    world.record(*whole(mine))
    assert world.told() == [("proc-2", SETTLED, "other"), ("proc-1", SETTLED, "default")]


def test_a_long_history_is_looked_at_outside_of_its_batch(world, monkeypatch):
    monkeypatch.setattr(settling, "READ_AT_ONCE", 10)
    woken = []
    world.settling.on_put_off = lambda: woken.append(1)
    first, second = whole(world.launch()), whole(world.launch())
    world.record(*first, *second[1:])
    assert (world.told(), woken) == ([("proc-1", SETTLED, "default")], [1])
    world.look()
    assert world.told() == [("proc-1", SETTLED, "default")]
    world.record(second[0])
    assert world.told()[1:] == [("proc-2", SETTLED, "default")]


def test_what_comes_while_it_is_looked_at_is_not_asked_for(world, monkeypatch):
    events = whole(world.launch())
    world.record(*events[1:])
    world.forward(6)
    look = settling._whole

    def meanwhile(tx, rows):
        found = look(tx, rows)
        monkeypatch.undo()
        world.record(events[0])
        return found

    monkeypatch.setattr(settling, "_whole", meanwhile)
    world.look()
    assert world.told() == [("proc-1", SETTLED, "default")]
    assert world.process().times_asked == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_several_replicas_one_asks(world):
    world.record(*whole(world.launch())[1:])
    other = MovableDatabase(world.url, metadata)
    other.ahead_us = world.db.ahead_us = 6 * SECOND
    second = Settling(other, Outbox(metadata))
    world.settling.look()
    assert world.process().times_asked == 1
    other.ahead_us += 10 * SECOND
    assert second.look() == IDLE
    assert world.process().times_asked == 1
    other.close()
