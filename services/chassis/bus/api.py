"""The bus as services see it: keyed, ordered, at least once. kafka.py and memory.py implement it under one suite."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.chassis.bus.lanes import Lane
from services.chassis.bus.topics import Topic

TopicPartition = tuple[str, int]
"""A topic's name and the number of one of its partitions."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. Messages of one topic, key and lane arrive in the order they were published in."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    lane: Lane = field(default=Lane.FAST, kw_only=True)
    """Where the topic has lanes, the one it takes."""


@dataclass(frozen=True, slots=True)
class Received(Message):
    """A message as it arrived, with its place in the topic; its lane is that of the place."""

    partition: int = -1
    offset: int = -1

    def header(self, name: str) -> str:
        """Return a header as text; empty where there is none."""
        return next((value.decode(errors="replace") for key, value in self.headers if key == name), "")


class Producer(Protocol):
    """Publishes. Safe to share between threads only one call at a time."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Return when all are acknowledged by the bus; errors.Unavailable when one may not be: publish all again."""

    def close(self) -> None:
        """Give up connections."""


class Consumer(Protocol):
    """One member of a consumer group. For use by one thread."""

    def poll(self, timeout_s: float, limit: int, closed: Collection[TopicPartition] = ()) -> list[Received]:
        """Return up to `limit` messages as soon as there is one; none after `timeout_s`, or while the bus is away.

        What is in a `closed` partition stays there, in its order, until a call that does not name it.
        """

    def handled(self, received: Sequence[Received]) -> None:
        """Take note that these are handled: what is given up before it is committed is committed with that."""

    def commit(self, received: Sequence[Received]) -> None:
        """Record, before returning, that these and all before them are handled. errors.Unavailable when that failed."""

    def retain(self, received: Sequence[Received]) -> list[Received]:
        """Stay in the group without taking messages; return those of `received` that are still this member's to handle.

        For a member that cannot go on yet: call it at least every second until it can.
        """

    def close(self) -> None:
        """Leave the group; what is not committed goes to other members."""


class Bus(Protocol):
    """A message bus."""

    def producer(self) -> Producer:
        """Return a new producer."""

    def consumer(
        self, group: str, topics: Sequence[Topic], stale: Callable[[TopicPartition], bool] = lambda _place: False
    ) -> Consumer:
        """Return a new member of a group; a group new to a topic starts at its beginning.

        `stale` tells whether the group's offset in a partition is of a former incarnation of the topic: such a
        partition is read from its beginning.

        Partitions are given up inside poll and retain alone: call `handled` with what is done before either.
        """

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create the topics that are missing. errors.Unavailable when the bus does not answer."""

    def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """Return the id of each of these topics that exists: of a topic made anew it is another.

        errors.Unavailable when the bus does not answer.
        """

    def close(self) -> None:
        """Give up connections."""
