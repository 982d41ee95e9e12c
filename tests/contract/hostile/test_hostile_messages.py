"""Whatever comes to whatever consumer: it is parked with a reason or ignored, it is counted, and the next is taken."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from services.chassis import consume
from services.chassis.bus.api import Message
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import ALL, HOST
from services.chassis.consume import ConsumerLoop
from services.chassis.outcomes import HANDLED, PARKED, Outcomes
from services.chassis.parked import LONGEST_KEY, LONGEST_REASON, Parked
from tests.contract.hostile.messages import Hostile, changed, elsewhere, everywhere
from tests.contract.hostile.reader import OTHER, Reader
from tests.contract.hostile.readers import READERS

TIMES = 3
"""A message comes again so often."""


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, database_url: str) -> Iterator[Reader]:
    """Each consumer there is, on both databases."""
    made = READERS[request.param](database_url)
    yield made
    made.db.close()


class Line:
    """The topic of a reader that runs."""

    def __init__(self, reader: Reader, outcomes: Outcomes, bus: MemoryBus) -> None:
        self.reader, self.outcomes = reader, outcomes
        self._producer, self._sent = bus.producer(), 0

    def publish(self, *messages: Hostile) -> None:
        """Sends all of them and waits until all are accounted for."""
        topic, key = self.reader.topic.name, self.reader.sound(1).aggregate_id
        self._sent += len(messages)
        self._producer.publish([Message(topic, each.key or key, each.value, each.headers) for each in messages])
        until(lambda: self.outcomes.snapshot() and sum(self.outcomes.snapshot().values()) >= self._sent)

    def counts(self) -> Counter[str]:
        """All that came, by outcome."""
        counts: Counter[str] = Counter()
        for (consumer, topic, outcome), n in self.outcomes.snapshot().items():
            assert (consumer, topic) == ("test", self.reader.topic.name)
            counts[outcome] += n
        return counts


@contextmanager
def running(reader: Reader) -> Iterator[Line]:
    bus, outcomes, stop = MemoryBus(), Outcomes(), threading.Event()
    topics = reader.subscribed or [reader.topic]
    bus.ensure_topics(topics)
    parked = Parked(reader.db.metadata)
    loop = ConsumerLoop(bus, "g", topics, reader.handle, reader.db, parked, "test", outcomes=outcomes)
    thread = threading.Thread(target=loop.run, args=(stop,))
    # Kept, not rendered: a trace with all its values for every refusal takes longer than everything else.
    with capture_logs():
        thread.start()
        try:
            yield Line(reader, outcomes, bus)
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def hostile(reader: Reader) -> list[Hostile]:
    known = reader.sound(1)
    fault = "failed 3 times" if reader.foreign == PARKED else ""
    again = Hostile("again", known.SerializeToString(), "", reader.replayed)
    return [
        *everywhere(known),
        *elsewhere(known, reader.elsewhere),
        *reader.faulty(),
        Hostile("of another tenant", changed(known, "tenant", OTHER), fault, reader.foreign),
        *[again] * TIMES,
    ]


def test_it_is_parked_or_ignored_and_counted_and_the_rest_goes_on(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "POLL_SECONDS", 0.05)
    messages = hostile(reader)
    with running(reader) as line:
        line.publish(Hostile("sound", reader.sound(1).SerializeToString()))
        assert reader.took(1)
        before = reader.rows()
        line.publish(*messages)
        assert line.counts() == Counter(each.outcome for each in messages) + Counter({HANDLED: 1})
        assert reader.rows() == before
        # Read again it has no other effect, and all that follows is taken.
        line.publish(*messages)
        assert reader.rows() == before
        line.publish(Hostile("sound", reader.sound(2).SerializeToString()))
        assert reader.took(2)


def test_what_another_tenant_says_first_hides_nothing(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume, "POLL_SECONDS", 0.05)
    known = reader.sound(1)
    with running(reader) as line:
        line.publish(*[Hostile("of another tenant", changed(known, "tenant", OTHER))] * TIMES)
        # Hosts are no tenant's.
        assert reader.topic == HOST or not reader.took(1)
        line.publish(Hostile("sound", known.SerializeToString()))
        assert reader.took(1)


def test_what_is_parked_says_why_and_takes_no_room_but_for_its_bytes(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "POLL_SECONDS", 0.05)
    wanted = [each for each in hostile(reader) if each.outcome == PARKED]
    with running(reader) as line:
        line.publish(Hostile("sound", reader.sound(1).SerializeToString()))
        line.publish(*wanted)
    found = Counter((bytes(row.value), row.reason) for row in reader.parked())
    assert sum(found.values()) == len(wanted)
    for each in wanted:
        assert any(value == each.value and each.fault in reason for value, reason in found), each.name
    for row in reader.parked():
        assert len(row.key) <= LONGEST_KEY
        assert len(row.reason) <= LONGEST_REASON


def test_every_topic_has_a_reader(tmp_path) -> None:
    readers = [make(f"sqlite:///{tmp_path / str(number)}.db") for number, make in enumerate(READERS.values())]
    assert {reader.topic for reader in readers} == set(ALL)
    for reader in readers:
        reader.db.close()
