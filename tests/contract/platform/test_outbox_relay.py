"""Outbox and relay, on both databases: nothing is lost, order is kept, statuses go before dispatches."""

import threading
import time
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from services.chassis import clock
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import Topic
from services.chassis.db import Database
from services.chassis.errors import LimitExceeded, Unavailable
from services.chassis.outbox import Outbox, OutboxRow
from services.chassis.relay import Relay
from vahana.event.v1 import event_pb2

STATUS = Topic("test.status", 2, 0)
TASK = Topic("test.task", 2, 1)
TOPICS = (STATUS, TASK)


class RecordingBus(MemoryBus):
    """Notes each publish call; fails the calls it is told to."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.failing = set()
        self.ensure_topics(TOPICS)

    def producer(self):
        inner, bus = super().producer(), self

        class Recording:
            def publish(self, messages):
                bus.calls.append([(m.topic, m.key, dict(m.headers)["id"].decode()) for m in messages])
                if len(bus.calls) in bus.failing:
                    # Some of it went through: the sender cannot know which.
                    inner.publish(messages[: len(messages) // 2])
                    raise Unavailable("no acknowledgement")
                inner.publish(messages)

            def close(self):
                inner.close()

        return Recording()

    def ids(self, topic, key):
        records = [r for (name, _), log in self.records.items() if name == topic.name for r in log if r.key == key]
        return [r.header("id") for r in records]


def first_appearances(ids):
    return list(dict.fromkeys(ids))


@contextmanager
def running(relay, outbox):
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        outbox.committed.set()  # spares the rest of its second
        thread.join(10)
        assert not thread.is_alive()


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def unsent(db, outbox):
    with db.read() as tx:
        return len(outbox.unsent(tx, 100_000))


@pytest.fixture
def bus():
    return RecordingBus()


@pytest.fixture
def outbox(metadata):
    return Outbox(metadata)


def make_relay(db, outbox, bus, **more):
    return Relay(db, outbox, bus, source="test", ensured=TOPICS, **more)


def test_what_was_committed_is_sent_with_its_id_and_source(db, outbox, bus, envelope):
    with running(make_relay(db, outbox, bus), outbox):
        with db.write() as tx:
            outbox.add(tx, STATUS, "proc-1", envelope("m-1"))
        wait_for(lambda: bus.ids(STATUS, "proc-1") == ["m-1"])
        wait_for(lambda: unsent(db, outbox) == 0)
    (record,) = [r for log in bus.records.values() for r in log]
    assert record.value == envelope("m-1")
    assert record.header("source") == "test"


def test_what_was_rolled_back_is_not_sent(db, undone, outbox, bus, envelope):
    with running(make_relay(db, outbox, bus), outbox):
        with undone() as tx:
            outbox.add(tx, STATUS, "proc-1", envelope("m-1"))
        with db.write() as tx:
            outbox.add(tx, STATUS, "proc-1", envelope("m-2"))
        wait_for(lambda: bus.ids(STATUS, "proc-1") == ["m-2"])


def test_a_commit_wakes_the_relay(db, outbox, bus, envelope):
    with running(make_relay(db, outbox, bus), outbox):
        started = time.monotonic()
        for n in range(10):
            with db.write() as tx:
                outbox.add(tx, STATUS, "proc-1", envelope(f"m-{n}"))
            wait_for(lambda n=n: len(bus.ids(STATUS, "proc-1")) == n + 1)
        # With the fallback poll alone it would be ten seconds.
        assert time.monotonic() - started < 5


def test_statuses_are_acknowledged_before_dispatches(db, outbox, bus, envelope):
    rows = [(TASK, "d-1"), (STATUS, "s-1"), (TASK, "d-2"), (STATUS, "s-2")]
    with db.write() as tx:
        outbox.add_many(tx, [OutboxRow(topic, "p", envelope(id_)) for topic, id_ in rows])
    with running(make_relay(db, outbox, bus), outbox):
        wait_for(lambda: unsent(db, outbox) == 0)
    assert [[id_ for _, _, id_ in call] for call in bus.calls] == [["s-1", "s-2"], ["d-1", "d-2"]]


def test_statuses_go_first_also_where_a_batch_ends_between_them(db, outbox, bus, envelope):
    rows = [OutboxRow(TASK, "p", envelope(f"d-{n}")) for n in range(3)]
    rows += [OutboxRow(STATUS, "p", envelope(f"s-{n}")) for n in range(3)]
    with db.write() as tx:
        outbox.add_many(tx, rows)
    with running(make_relay(db, outbox, bus, batch=2), outbox):
        wait_for(lambda: unsent(db, outbox) == 0)
    sent = [id_ for call in bus.calls for _, _, id_ in call]
    assert sent == ["s-0", "s-1", "s-2", "d-0", "d-1", "d-2"]


def test_after_failures_nothing_is_missing_and_order_holds(db, outbox, bus, envelope):
    bus.failing = {2, 3, 7}
    with db.write() as tx:
        outbox.add_many(tx, [OutboxRow(STATUS, f"p-{n % 3}", envelope(f"m-{n}")) for n in range(100)])
    with running(make_relay(db, outbox, bus, batch=10), outbox):
        wait_for(lambda: unsent(db, outbox) == 0)
    for key in range(3):
        wanted = [f"m-{n}" for n in range(100) if n % 3 == key]
        assert first_appearances(bus.ids(STATUS, f"p-{key}")) == wanted


def test_a_relay_restarted_midway_loses_nothing_and_keeps_order(db, outbox, bus, envelope):
    total, keys = 600, 4
    sent_by_writer = threading.Event()

    def write():
        for start in range(0, total, 20):
            with db.write() as tx:
                outbox.add_many(
                    tx, [OutboxRow(STATUS, f"p-{n % keys}", envelope(f"m-{n}")) for n in range(start, start + 20)]
                )
        sent_by_writer.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not (sent_by_writer.is_set() and unsent(db, outbox) == 0):
        with running(make_relay(db, outbox, bus, batch=15), outbox):
            before = len(bus.calls)
            wait_for(lambda before=before: len(bus.calls) > before + 3 or unsent(db, outbox) == 0)
    writer.join()
    for key in range(keys):
        wanted = [f"m-{n}" for n in range(total) if n % keys == key]
        assert first_appearances(bus.ids(STATUS, f"p-{key}")) == wanted


def test_a_batch_is_never_so_large_that_the_bus_cannot_take_it_in_time(db, outbox, bus, envelope):
    large = event_pb2.Envelope(aggregate_id="x" * 100_000).SerializeToString()
    with db.write() as tx:
        outbox.add_many(tx, [OutboxRow(STATUS, "p", envelope(f"m-{n}") + large) for n in range(60)])
    with running(make_relay(db, outbox, bus), outbox):
        wait_for(lambda: unsent(db, outbox) == 0)
    assert bus.ids(STATUS, "p") == [f"m-{n}" for n in range(60)]
    assert max(map(len, bus.calls)) < 45


def test_an_outage_is_waited_out(db, outbox, bus, envelope):
    bus.set_down(True)
    with running(make_relay(db, outbox, bus), outbox):
        with db.write() as tx:
            outbox.add(tx, STATUS, "p", envelope("m-1"))
        wait_for(lambda: unsent(db, outbox) == 1)
        bus.set_down(False)
        wait_for(lambda: bus.ids(STATUS, "p") == ["m-1"])


def test_resend_sends_a_ref_again_under_the_same_ids(db, outbox, bus, envelope):
    with running(make_relay(db, outbox, bus), outbox):
        with db.write() as tx:
            outbox.add(tx, STATUS, "p", envelope("m-1"), "proc/task/1")
            outbox.add(tx, STATUS, "p", envelope("m-2"), "proc/task/1")
            outbox.add(tx, STATUS, "p", envelope("m-3"), "proc/task/2")
        wait_for(lambda: unsent(db, outbox) == 0)
        with db.write() as tx:
            assert outbox.resend(tx, "proc/task/1") == 2
            assert outbox.resend(tx, "unknown") == 0
        wait_for(lambda: bus.ids(STATUS, "p") == ["m-1", "m-2", "m-3", "m-1", "m-2"])


def test_purge_removes_sent_rows_alone(db, outbox, bus, envelope):
    with running(make_relay(db, outbox, bus), outbox):
        with db.write() as tx:
            outbox.add(tx, STATUS, "p", envelope("m-1"))
        wait_for(lambda: unsent(db, outbox) == 0)
    with db.write() as tx:
        outbox.add(tx, STATUS, "p", envelope("m-2"))
        assert outbox.purge(tx, clock.now_us() - 60_000_000) == 0
        assert outbox.purge(tx, clock.now_us() + 1) == 1
    assert unsent(db, outbox) == 1


def test_what_cannot_be_sent_is_refused_when_written(db, outbox, envelope):
    with db.write() as tx:
        with pytest.raises(LimitExceeded):
            outbox.add(tx, STATUS, "p", envelope("m" * 600_000))
        with pytest.raises(ValueError, match="without an id"):
            outbox.add(tx, STATUS, "p", envelope(""))


def test_of_two_relays_on_postgresql_one_publishes_and_the_other_takes_over(postgres, metadata, envelope):
    url = postgres.database()
    databases = [Database(url, metadata), Database(url, metadata)]
    databases[0].create_tables()
    outboxes = [Outbox(metadata), Outbox(metadata)]
    buses = [RecordingBus(), RecordingBus()]
    # One bus to them, on which it shows who published: with ids of its own each would find the other's topics lost.
    buses[1].incarnations = buses[0].incarnations
    relays = [make_relay(*parts) for parts in zip(databases, outboxes, buses, strict=True)]
    with running(relays[1], outboxes[1]):
        with running(relays[0], outboxes[0]):
            for n in range(20):
                with databases[n % 2].write() as tx:
                    outboxes[n % 2].add(tx, STATUS, "p", envelope(f"m-{n}"))
            wait_for(lambda: unsent(databases[0], outboxes[0]) == 0)
            active = [index for index, bus in enumerate(buses) if bus.calls]
            assert len(active) == 1
        first = buses[active[0]].ids(STATUS, "p")
        assert first == [f"m-{n}" for n in range(20)]
        # The first is stopped and gave its lease back: the other goes on without waiting for the lease to expire.
        with databases[0].write() as tx:
            outboxes[0].add(tx, STATUS, "p", envelope("m-20"))
        wait_for(lambda: buses[1].ids(STATUS, "p")[-1:] == ["m-20"], seconds=8)
    for database in databases:
        database.close()


def test_two_thousand_rows_a_second_at_least(db, outbox, bus, envelope):
    rows = [OutboxRow(STATUS, f"p-{n % 50}", envelope(f"m-{n}")) for n in range(4000)]
    started = time.monotonic()
    for start in range(0, 4000, 200):
        with db.write() as tx:
            outbox.add_many(tx, rows[start : start + 200])
    with running(make_relay(db, outbox, bus), outbox):
        wait_for(lambda: unsent(db, outbox) == 0)
    with db.read() as tx:
        assert tx.execute(sa.text("SELECT count(*) FROM outbox")).scalar_one() == 4000
    assert time.monotonic() - started < 10
