"""What the suite needs of a bus: fresh topics and groups, and a way to take it away and bring it back."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.chassis.bus.api import Bus, Consumer, Received
from services.chassis.bus.kafka import KafkaBus
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import Topic
from vahana_client.mesh.kafka import LocalKafka

PATIENCE = 20.0

every_protocol = pytest.mark.parametrize("harness", ["memory", "kafka", "kafka-classic"], indirect=True)


class Harness:
    """A bus, and the server behind it."""

    def __init__(self, bus: Bus, hasty: Bus, broker: LocalKafka | None = None) -> None:
        self.bus, self._hasty, self._broker = bus, hasty, broker
        self._numbers = itertools.count(1)

    def topic(self, partitions: int = 4, slow: int = 0) -> Topic:
        topic = Topic(f"topic-{next(self._numbers)}", partitions, 0, slow)
        self.bus.ensure_topics([topic])
        return topic

    def hasty_bus(self) -> Bus:
        """The same bus, which gives its server up after a second."""
        return self._hasty

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Take the broker away without warning, and bring it back with all it had."""
        if isinstance(self.bus, MemoryBus):
            self.bus.set_down(True)
            yield
            self.bus.set_down(False)
        else:
            self._broker.kill()
            try:
                yield
            finally:
                self._broker.start()

    def wipe(self) -> None:
        """Have the broker lose all it had, and come back."""
        if isinstance(self.bus, MemoryBus):
            self.bus.wipe()
        else:
            self._broker.wipe()
            self._broker.start()


@pytest.fixture(params=["memory", "kafka"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    if request.param == "memory":
        bus = MemoryBus()
        yield Harness(bus, bus)
        return
    server = request.getfixturevalue("kafka")
    protocol = "classic" if request.param == "kafka-classic" else "consumer"
    prefix = server.prefix()
    bus, hasty = (KafkaBus(server.bootstrap, protocol, prefix, patience) for patience in (10.0, 1.0))
    yield Harness(bus, hasty, server.broker)
    bus.close()
    hasty.close()


@pytest.fixture
def publish(harness):
    producer = harness.bus.producer()
    yield producer.publish
    producer.close()


@pytest.fixture
def join(harness):
    members = []

    def join(group, *topics, **more):
        members.append(harness.bus.consumer(group, topics, **more))
        return members[-1]

    yield join
    for member in members:
        member.close()


@pytest.fixture
def read():
    return read_messages


def read_messages(consumer: Consumer, count: int, limit: int = 100) -> list[Received]:
    """Poll until `count` messages have come; fewer only where they do not come at all."""
    received: list[Received] = []
    deadline = time.monotonic() + PATIENCE
    while len(received) < count and time.monotonic() < deadline:
        received += consumer.poll(0.5, limit)
    return received
