"""The consumer loop: effects before offsets, outages waited out, bad messages set aside."""

import threading
import time
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from services.chassis import consume
from services.chassis.bus.api import Message, Received
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import Topic
from services.chassis.consume import ConsumerLoop
from services.chassis.db import Database
from services.chassis.errors import Unavailable
from services.chassis.parked import LONGEST_REASON, Parked

TOPIC = Topic("test.events", 3, 0)


class Handler:
    """Notes what it was given; fails as told by a function."""

    def __init__(self, fail=lambda ids: None):
        self.calls, self.done, self.fail = [], [], fail

    def __call__(self, deliveries):
        ids = [delivery.envelope.id for delivery in deliveries]
        self.calls.append(ids)
        error = self.fail(ids)
        if error is not None:
            raise error
        self.done += ids


@pytest.fixture
def bus():
    bus = MemoryBus()
    bus.ensure_topics([TOPIC])
    return bus


@pytest.fixture
def sqlite(tmp_path, metadata):
    database = Database(f"sqlite:///{tmp_path}/x.db", metadata)
    database.create_tables()
    yield database
    database.close()


@pytest.fixture
def publish(bus, envelope):
    def publish(ids, key="p"):
        bus.producer().publish([Message(TOPIC.name, key, envelope(id_)) for id_ in ids])

    return publish


@pytest.fixture
def consuming(bus, sqlite, metadata, monkeypatch):
    monkeypatch.setattr(consume, "POLL_SECONDS", 0.05)  # a loop sees its stop that much sooner

    @contextmanager
    def consuming(handler, batch=100, closed=tuple):
        loop = ConsumerLoop(bus, "g", [TOPIC], handler, sqlite, Parked(metadata), "test", batch, closed)
        stop = threading.Event()
        thread = threading.Thread(target=loop.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

    return consuming


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def committed(bus):
    group = bus.groups.get("g")
    return sum(group.committed.values()) if group else 0


def parked(db, metadata):
    with db.read() as tx:
        return tx.execute(sa.select(metadata.tables["parked"])).mappings().all()


def names(prefix, count):
    return [f"{prefix}-{n}" for n in range(count)]


def test_a_batch_is_handled_at_once_and_committed(bus, publish, consuming):
    publish(names("m", 10))
    handler = Handler()
    with consuming(handler):
        wait_for(lambda: committed(bus) == 10)
    assert handler.calls == [names("m", 10)]


def test_batches_are_no_larger_than_asked(bus, publish, consuming):
    publish(names("m", 10))
    handler = Handler()
    with consuming(handler, batch=1):
        wait_for(lambda: committed(bus) == 10)
    assert handler.calls == [[name] for name in names("m", 10)]


def test_an_outage_costs_no_message_and_counts_against_none(bus, sqlite, metadata, publish, consuming):
    away = [Unavailable("peer is away")] * 4
    handler = Handler(lambda _: away.pop() if away else None)
    publish(names("m", 5))
    with consuming(handler):
        wait_for(lambda: committed(bus) == 5, seconds=60)
    assert handler.calls == [names("m", 5)] * 5
    assert parked(sqlite, metadata) == []


def test_a_bad_message_is_parked_after_three_failures_and_the_others_go_on(bus, sqlite, metadata, publish, consuming):
    publish([*names("a", 3), "bad", *names("b", 3)])
    handler = Handler(lambda ids: ValueError("what is this") if "bad" in ids else None)
    with consuming(handler):
        wait_for(lambda: committed(bus) == 7)
        publish(["after"])
        wait_for(lambda: committed(bus) == 8)
    assert handler.done == [*names("a", 3), *names("b", 3), "after"]
    assert handler.calls.count(["bad"]) == 3
    (row,) = parked(sqlite, metadata)
    assert row["reason"] == "failed 3 times; the last: ValueError: what is this"
    assert (row["topic"], row["key"], row["consumer"]) == (TOPIC.name, "p", "test")


def test_a_failure_that_passes_parks_nothing(bus, sqlite, metadata, publish, consuming):
    failures = [ValueError("once"), ValueError("twice")]
    handler = Handler(lambda _: failures.pop() if failures else None)
    publish(["m"])
    with consuming(handler):
        wait_for(lambda: committed(bus) == 1)
    assert handler.done == ["m"]
    assert parked(sqlite, metadata) == []


def test_undecodable_bytes_are_parked_at_once(bus, sqlite, metadata, publish, consuming):
    publish(["m-1"])
    bus.producer().publish([Message(TOPIC.name, "p", b"\xff\xff\xff")])
    publish(["m-2"])
    handler = Handler()
    with consuming(handler):
        wait_for(lambda: committed(bus) == 3)
    assert handler.calls == [["m-1", "m-2"]]
    (row,) = parked(sqlite, metadata)
    assert row["value"] == b"\xff\xff\xff"
    assert row["reason"].startswith("not an envelope")


def test_nothing_is_committed_before_its_effect(bus, publish, consuming):
    seen = []
    handler = Handler(lambda _: seen.append(committed(bus)))
    publish(names("m", 4))
    with consuming(handler, batch=2):
        wait_for(lambda: committed(bus) == 4)
    assert seen == [0, 2]


def test_a_stop_amid_an_outage_leaves_the_batch_for_the_next_start(bus, publish, consuming):
    publish(names("m", 3))
    away = Handler(lambda _: Unavailable("peer is away"))
    with consuming(away):
        wait_for(lambda: away.calls)
    assert committed(bus) == 0
    handler = Handler()
    with consuming(handler):
        wait_for(lambda: committed(bus) == 3)
    assert handler.done == names("m", 3)


def test_a_broker_away_at_the_commit_is_waited_for(bus, publish, consuming):
    def pull_the_plug(_ids):
        bus.set_down(True)
        threading.Timer(0.3, bus.set_down, [False]).start()

    handler = Handler(pull_the_plug)
    publish(["m"])
    with consuming(handler):
        wait_for(lambda: committed(bus) == 1)
    assert handler.calls == [["m"]]


def test_a_broker_away_at_the_start_is_waited_for(bus, publish, consuming):
    publish(["m"])
    bus.set_down(True)
    handler = Handler()
    with consuming(handler):
        bus.set_down(False)
        wait_for(lambda: committed(bus) == 1)


def test_partitions_lost_during_an_outage_are_left_to_their_new_owner(bus, publish, consuming):
    for n in range(30):
        publish([f"m-{n}"], key=f"key-{n}")
    away = threading.Event()
    handler = Handler(lambda _: None if away.is_set() else Unavailable("peer is away"))
    with consuming(handler):
        wait_for(lambda: handler.calls)
        other = bus.consumer("g", [TOPIC])
        taken = []
        deadline = time.monotonic() + 20
        while not taken and time.monotonic() < deadline:
            taken += other.poll(0.2, 100)
        other.commit(taken)
        away.set()
        wait_for(lambda: committed(bus) == 30)
        other.close()
    theirs = {int(message.key.removeprefix("key-")) for message in taken}
    assert {int(name.removeprefix("m-")) for name in handler.done} | theirs == set(range(30))
    assert len(handler.done) + len(taken) == 30


class GivenUp:
    """A member that gets one batch, and gives the partition of its first message up as soon as it has to wait."""

    def __init__(self, batch, stop):
        self.batches, self.stop = [batch], stop

    def poll(self, _timeout_s, _limit, _closed):
        if not self.batches:
            self.stop.set()
        return self.batches.pop() if self.batches else []

    def retain(self, received):
        return [message for message in received if message.partition != 0]

    def handled(self, _received):
        pass

    def commit(self, _received):
        pass

    def close(self):
        pass


def test_failures_of_a_message_given_up_do_not_count_against_the_next(sqlite, metadata, envelope):
    stop = threading.Event()
    batch = [Received(TOPIC.name, "p", envelope(id_), (), number, 0) for number, id_ in enumerate(["bad", "good"])]

    class OneMember(MemoryBus):
        def consumer(self, *_):
            return GivenUp(batch, stop)

    class AwayAtFirst(Parked):
        away = True

        def add(self, *args):
            self.away, away = False, self.away
            if away:
                raise Unavailable("the database is away")
            super().add(*args)

    handler = Handler(lambda ids: ValueError("what is this") if "bad" in ids else None)
    ConsumerLoop(OneMember(), "g", [TOPIC], handler, sqlite, AwayAtFirst(metadata), "test").run(stop)
    assert handler.done == ["good"]
    assert parked(sqlite, metadata) == []


def test_a_message_is_set_aside_whatever_is_in_it(db, metadata):
    received = Received(TOPIC.name, "k\0" * 200, b"\0", (), 0, 0)
    with db.write() as tx:
        Parked(metadata).add(tx, "test", received, "ValueError: \0")
    (row,) = parked(db, metadata)
    assert (row["key"], row["reason"]) == ("k\N{REPLACEMENT CHARACTER}" * 100, "ValueError: \N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("quoted", ["\udcff", "x" * 1_000_000], ids=["no text", "huge"])
def test_a_message_is_set_aside_whatever_its_error_quotes(db, metadata, quoted):
    with db.write() as tx:
        Parked(metadata).add(tx, "test", Received(TOPIC.name, "p", b"", (), 0, 0), f"ValueError: {quoted}")
    (row,) = parked(db, metadata)
    assert len(row["reason"]) == min(LONGEST_REASON, len("ValueError: ") + len(quoted))
    assert row["reason"].startswith("ValueError: ")
