"""From an outbox through the bus to a handler: once the effects are counted, everything arrived, in order."""

import threading
import time
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Message
from services.chassis.consume import ConsumerLoop
from services.chassis.db import Database
from services.chassis.inbox import Inbox
from services.chassis.outbox import Outbox, OutboxRow
from services.chassis.parked import Parked
from services.chassis.relay import Relay
from services.chassis.schema import add_platform_tables
from vahana.event.v1 import event_pb2


@pytest.fixture
def metadata():
    metadata = sa.MetaData()
    add_platform_tables(metadata, "outbox", "inbox", "parked", "incarnation", "reading", "attempted")
    return metadata


@pytest.fixture
def db(tmp_path, metadata):
    database = Database(f"sqlite:///{tmp_path}/x.db", metadata)
    database.create_tables()
    yield database
    database.close()


class Effects:
    """A handler with an inbox: what takes effect does so once."""

    def __init__(self, db, metadata):
        self.db, self.inbox, self.taken = db, Inbox(metadata), []

    def handle(self, deliveries):
        with self.db.write() as tx:
            new = self.inbox.admit(tx, [delivery.envelope.id for delivery in deliveries])
        for delivery in deliveries:
            if delivery.envelope.id in new:
                new.discard(delivery.envelope.id)
                self.taken.append((delivery.received.key, delivery.envelope.id))

    def of(self, key):
        return [int(id_) for of, id_ in self.taken if of == key]


@contextmanager
def threads(*bodies):
    stop = threading.Event()
    running = [threading.Thread(target=body, args=(stop,)) for body in bodies]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join(30)
            assert not thread.is_alive()


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def envelope(number):
    return event_pb2.Envelope(id=str(number), tenant="default", aggregate_id="p").SerializeToString()


def test_undecodable_bytes_are_parked_and_the_rest_goes_on(harness, db, metadata):
    topic, effects = harness.topic(1), Effects(db, metadata)
    producer = harness.bus.producer()
    producer.publish([Message(topic.name, "p", value) for value in (envelope(1), b"\xff\xff", envelope(2))])
    producer.close()
    loop = ConsumerLoop(harness.bus, "g", [topic], effects.handle, db, Parked(metadata), "test")
    with threads(loop.run):
        wait_for(lambda: effects.of("p") == [1, 2])
    with db.read() as tx:
        assert tx.execute(sa.select(metadata.tables["parked"].c.value)).scalars().all() == [b"\xff\xff"]
    # The offset behind them is committed: a successor sees nothing of it.
    consumer = harness.bus.consumer("g", [topic])
    assert consumer.poll(1.0, 10) == []
    consumer.close()


def test_a_broker_lost_midway_loses_nothing(harness, db, metadata):
    topic, effects, outbox = harness.topic(4), Effects(db, metadata), Outbox(metadata)
    bus = harness.hasty_bus()
    relay = Relay(db, outbox, bus, source="test", batch=20, ensured=[topic])
    loop = ConsumerLoop(bus, "g", [topic], effects.handle, db, Parked(metadata), "test", batch=30)

    def write(numbers):
        for start in numbers[::10]:
            with db.write() as tx:
                outbox.add_many(tx, [OutboxRow(topic, f"p-{n % 5}", envelope(n), "") for n in range(start, start + 10)])

    with threads(relay.run, loop.run):
        write(range(200))
        wait_for(lambda: len(effects.taken) > 50)
        with harness.outage():
            write(range(200, 400))
        write(range(400, 600))
        wait_for(lambda: len(effects.taken) >= 600)
    for key in range(5):
        assert effects.of(f"p-{key}") == list(range(key, 600, 5))


class Slow(Effects):
    """Takes a batch only when let."""

    def __init__(self, db, metadata):
        super().__init__(db, metadata)
        self.let = threading.Event()

    def handle(self, deliveries):
        self.let.wait(60)
        super().handle(deliveries)


@pytest.mark.parametrize("seen", ["nothing", "some", "all"])
def test_a_broker_that_lost_all_its_data_loses_nothing(harness, db, metadata, seen):
    topic, outbox = harness.topic(4), Outbox(metadata)
    effects = Slow(db, metadata) if seen == "nothing" else Effects(db, metadata)
    bus = harness.hasty_bus()
    relay = Relay(db, outbox, bus, source="test", batch=20, ensured=[topic])
    loop = ConsumerLoop(bus, "g", [topic], effects.handle, db, Parked(metadata), "test", batch=30)

    def write(numbers):
        for start in numbers[::10]:
            with db.write() as tx:
                outbox.add_many(tx, [OutboxRow(topic, f"p-{n % 5}", envelope(n), "") for n in range(start, start + 10)])

    with threads(relay.run, loop.run):
        write(range(300))
        # Consumers are somewhere in the topic as it was, the new one is filled beyond that place before they notice.
        wait_for(lambda: len(effects.taken) >= {"nothing": 0, "some": 50, "all": 300}[seen])
        harness.wipe()
        write(range(300, 600))
        if seen == "nothing":
            effects.let.set()
        wait_for(lambda: len(effects.taken) >= 600)
    assert sorted(int(id_) for _, id_ in effects.taken) == list(range(600))


def test_a_consumer_that_was_away_when_the_broker_lost_its_data_reads_the_new_topic_whole(harness, db, metadata):
    topic, effects, outbox = harness.topic(1), Effects(db, metadata), Outbox(metadata)
    relay = Relay(db, outbox, harness.bus, source="test", ensured=[topic])

    def loop():
        return ConsumerLoop(harness.bus, "g", [topic], effects.handle, db, Parked(metadata), "test").run

    def write(numbers):
        with db.write() as tx:
            outbox.add_many(tx, [OutboxRow(topic, "p", envelope(n), "") for n in numbers])

    with threads(relay.run):
        with threads(loop()):
            write(range(10))
            wait_for(lambda: effects.of("p") == list(range(10)))
        harness.wipe()
        write(range(10, 30))
        with threads(loop()):
            wait_for(lambda: effects.of("p") == list(range(30)))
