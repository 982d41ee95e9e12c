"""The consumer loop: batches from the bus to a handler, offsets committed after the effects."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from services.chassis import envelopes, log
from services.chassis.bus.api import Bus, Consumer, Received
from services.chassis.bus.lanes import places
from services.chassis.bus.topics import Topic
from services.chassis.db import Database
from services.chassis.deaths import Care, Deaths
from services.chassis.errors import Unavailable
from services.chassis.failpoints import failpoint
from services.chassis.incarnations import Incarnations
from services.chassis.outcomes import PARKED, Aside, Outcomes
from services.chassis.parked import LONGEST_KEY, LONGEST_REASON, Parked
from vahana.event.v1 import event_pb2

FAILURES_TO_PARK = 3
DEATHS_TO_PARK = 10
"""Of processes that had a message alone in hand: where many are killed, three is what happens to any message."""
POLL_SECONDS = 1.0
COMMIT_SECONDS = 0.1
"""Offsets are committed this long after the first effect they cover at the latest,"""
COMMIT_QUIET_SECONDS = 0.02
"""or when nothing more has come for so long: the next message does not wait for the commit of the last."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message with its content decoded."""

    envelope: event_pb2.Envelope
    received: Received


Handle = Callable[[Sequence[Delivery]], Aside | None]
"""Makes the effects of a batch durable before it returns, and takes a batch it has seen before as done. Returns how
many of the messages had no effect, and why; None where all had one.

errors.Unavailable: nothing is wrong with the messages, they come again. Any other exception counts against them.
"""

Closed = Callable[[], Collection[int]]
"""Tells which lanes of its topics a consumer takes nothing from for now. Called before each poll: it has to answer at
once.
"""


class ConsumerLoop:
    """One member of a consumer group, run by one thread.

    A batch is handled whole. When that fails for another reason than an outage its messages are handled one by one, and
    one that fails three times is parked: a bad message never stops the others. So is one that ended ten processes,
    as deaths tells. The batch at hand is always finished before the bus is asked for more, and committed soon, with
    others or when its partitions are given up.
    """

    def __init__(  # noqa: PLR0917 - the first four are what it is about
        self,
        bus: Bus,
        group: str,
        topics: Sequence[Topic],
        handle: Handle,
        db: Database,
        parked: Parked,
        name: str,
        batch: int = 500,
        closed: Closed = tuple,
        outcomes: Outcomes | None = None,
    ) -> None:
        """`name` stands in the log and beside parked messages; `batch` is the most messages between two commits."""
        self._bus, self._group, self._topics = bus, group, tuple(topics)
        self._handle, self._db, self._parked, self._name, self._batch = handle, db, parked, name, batch
        self._closed = closed
        self._deaths = Deaths(db, group)
        self._outcomes = outcomes or Outcomes()
        self._incarnations = Incarnations(db, bus, group, [topic.name for topic in topics])
        self._log = log.get("consume").bind(consumer=name)

    def run(self, stop: threading.Event) -> None:
        """Consume until told to stop; a batch that waits for the end of an outage is left for the next start."""
        while self._topics_exist(stop):
            consumer = self._bus.consumer(self._group, self._topics, self._incarnations.stale)
            try:
                self._consume(consumer, stop)
                self._deaths.leave()
            finally:
                consumer.close()

    def _consume(self, consumer: Consumer, stop: threading.Event) -> None:
        """Consume until told to stop, or until a topic is another one: then whoever reads on would miss some of it."""
        handled = _Handled(time.monotonic())
        while not stop.is_set():
            if self._topics_changed():
                # What was handled says nothing about the topics there are now.
                return
            wait = COMMIT_QUIET_SECONDS if handled.messages else POLL_SECONDS
            received = consumer.poll(wait, self._batch, places(self._topics, self._closed()))
            work = _Work(pending=received, size=len(received))
            if received:
                handled.add(self._finish(consumer, stop, work))
            if handled.messages and (not received or work.care or handled.due(self._batch)):
                self._commit(consumer, stop, handled)
        with contextlib.suppress(Unavailable):  # what is not committed is handled again, to no effect
            consumer.commit(handled.messages)

    def _commit(self, consumer: Consumer, stop: threading.Event, handled: "_Handled") -> None:
        """Record what is handled; where the bus does not take it, nothing more is taken from it."""
        failures = 0
        while handled.messages and not stop.is_set():
            failpoint("consumer.handled")
            try:
                consumer.commit(handled.messages)
            except Unavailable as error:
                failures += 1
                for _ in self._rests(stop, failures, error):
                    handled.messages = consumer.retain(handled.messages)
            else:
                failpoint("consumer.committed")
                self._keep_incarnations(handled.messages)
                handled.messages = []

    def _topics_changed(self) -> bool:
        try:
            changed = self._incarnations.changed()
        except Unavailable:
            return False
        if changed:
            self._log.warning("the bus lost its topics: reading them from the beginning")
        return changed

    def _keep_incarnations(self, received: Sequence[Received]) -> None:
        """Offsets just committed are about the topics there are now."""
        missing = self._incarnations.missing({(each.topic, each.partition) for each in received})
        if missing:
            with contextlib.suppress(Unavailable), self._db.write() as tx:
                self._incarnations.keep(tx, missing)

    def _topics_exist(self, stop: threading.Event) -> bool:
        failures = 0
        while not stop.is_set():
            try:
                self._bus.ensure_topics(self._topics)
                self._incarnations.load()
            except Unavailable as error:
                failures += 1
                stop.wait(self._backoff(failures, error))
            else:
                return True
        return False

    def _finish(self, consumer: Consumer, stop: threading.Event, work: "_Work") -> list[Received]:
        """Take the effects of a batch, however long that takes; return what is handled, which the consumer knows."""
        while work.pending and not stop.is_set():
            try:
                self._step(work)
                work.outages = 0
            except Unavailable as error:
                work.outages += 1
                for _ in self._rests(stop, work.outages, error):
                    consumer.handled(work.done)
                    work.keep(consumer.retain)
        if work.care and work.done:
            self._deaths.forget(work.done)
        consumer.handled(work.done)
        return work.done

    def _step(self, work: "_Work") -> None:
        """Take effect of the next chunk."""
        first = work.pending[0]
        if work.care is None:
            work.take_care(self._care(work.pending))
        if work.failures == FAILURES_TO_PARK:
            self._park(first, f"failed {FAILURES_TO_PARK} times; the last: {work.error}")
        elif work.care is Care.EACH and self._deaths.count(first) > DEATHS_TO_PARK:
            last = work.error or "the process died"
            self._park(first, f"failed or ended the process {DEATHS_TO_PARK} times; the last: {last}")
        elif not self._took_effect(work):
            return
        work.advance()

    def _took_effect(self, work: "_Work") -> bool:
        try:
            self._take_effect(work.pending[: work.size])
        except Unavailable:
            if work.care is Care.EACH:
                self._deaths.uncount(work.pending[0])
            raise
        except Exception as error:
            self._log.exception("handling failed", messages=min(work.size, len(work.pending)))
            work.failed(error)
            return False
        return True

    def _care(self, batch: Sequence[Received]) -> Care:
        care = self._deaths.care(batch, self._batch)
        if care:
            self._log.warning("who read this before did not stop in order", messages=len(batch), care=care.name)
        return care

    def _take_effect(self, chunk: Sequence[Received]) -> None:
        deliveries = []
        for received in chunk:
            try:
                deliveries.append(Delivery(envelopes.read(received.value), received))
            except ValueError as error:
                self._park(received, str(error))
        if deliveries:
            aside = self._handle(deliveries)
            self._outcomes.count_batch(self._name, Counter(each.received.topic for each in deliveries), aside)

    def _rests(self, stop: threading.Event, failures: int, error: Unavailable) -> Iterator[None]:
        """Wait a while, in steps short enough to stay a member of the group in between: call `retain` at each, which
        tells of partitions taken away meanwhile; they are others' to handle.
        """
        until = time.monotonic() + self._backoff(failures, error)
        while (left := until - time.monotonic()) > 0 and not stop.is_set():
            stop.wait(min(left, POLL_SECONDS))
            yield

    def _backoff(self, failures: int, error: Unavailable) -> float:
        self._log.warning("consumer waits", reason=error.message, failures=failures)
        return random.uniform(0.1, min(5.0, 0.2 * 2 ** min(failures, 8)))  # noqa: S311 - jitter

    def _park(self, received: Received, reason: str) -> None:
        """Set a message aside. Unavailable where that fails, however: going on without it would lose the message."""
        try:
            with self._db.write() as tx:
                fresh = self._parked.add(tx, self._name, received, reason)
        except Unavailable:
            raise
        except Exception as error:
            self._log.exception("a message could not be set aside")
            raise Unavailable(f"a message could not be set aside: {type(error).__name__}: {error}") from error
        place = f"{received.topic}/{received.partition}@{received.offset}"
        self._outcomes.count(self._name, received.topic, PARKED, int(fresh))
        self._log.error("message parked", place=place, key=received.key[:LONGEST_KEY], reason=reason[:LONGEST_REASON])


@dataclass
class _Work:
    """How far a batch is: done in effect, and still pending, both in order of arrival."""

    pending: list[Received]
    size: int
    """How many are handled at once: all, or one after a failure."""
    done: list[Received] = field(default_factory=list)
    failures: int = 0
    """Of the one message pending first."""
    error: str = ""
    outages: int = 0
    care: Care | None = None
    """Not known at first."""

    def take_care(self, care: Care) -> None:
        self.care = care
        if care is Care.EACH:
            self.size = 1

    def advance(self) -> None:
        self.done += self.pending[: self.size]
        self.pending = self.pending[self.size :]
        self.failures, self.error = 0, ""

    def keep(self, retain: Callable[[Sequence[Received]], list[Received]]) -> None:
        """Leave out what went to other members; failures of a message that did are not the next one's."""
        first = self.pending[:1]
        self.done, self.pending = retain(self.done), retain(self.pending)
        if self.pending[:1] != first:
            self.failures, self.error = 0, ""

    def failed(self, error: Exception) -> None:
        if min(self.size, len(self.pending)) == 1:
            self.failures += 1
            self.error = f"{type(error).__name__}: {error}"
        self.size = 1


@dataclass
class _Handled:
    """What is handled and not committed yet: a commit covers what came within a while."""

    since: float
    messages: list[Received] = field(default_factory=list)

    def add(self, messages: Sequence[Received]) -> None:
        if not self.messages:
            self.since = time.monotonic()
        self.messages += messages

    def due(self, batch: int) -> bool:
        return len(self.messages) >= batch or time.monotonic() - self.since >= COMMIT_SECONDS
