"""A bus that loses answers, delays partitions and deals partitions out anew whenever a member falls silent."""

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from services.chassis.bus.api import Message, Received, TopicPartition
from services.chassis.bus.lanes import Lanes
from services.chassis.bus.topics import ALL, Topic
from services.chassis.errors import Unavailable
from tests.simulation.kernel import SECOND, Instance, Kernel, Thread


@dataclass
class Group:
    """What the members of a group have in common."""

    topics: frozenset[str]
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    reached: dict[TopicPartition, int] = field(default_factory=dict)
    """The most that was ever committed of what there is: a member that comes late may commit less once more."""
    members: "list[Member]" = field(default_factory=list)
    owners: "dict[TopicPartition, Member]" = field(default_factory=dict)


class SimulatedBus:
    """Topics as lists. Records keep their order within a partition, and nothing else is promised."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.records: dict[TopicPartition, list[Received]] = {
            (topic.name, number): [] for topic in ALL for number in range(topic.partitions)
        }
        self.partitions = {topic.name: topic.partitions for topic in ALL}
        self._lanes = Lanes()
        self.groups: dict[str, Group] = {}
        self.held: dict[TopicPartition, int] = {}
        """Until when a partition brings nothing."""
        self.wipes = 0
        kernel.on_gone.append(self.expel)

    def consumer(
        self, group: str, topics: Sequence[Topic], stale: Callable[[TopicPartition], bool] = lambda _place: False
    ) -> "Member":
        """See bus.api."""
        thread = self.kernel.current
        assert thread is not None
        names = frozenset(topic.name for topic in topics)
        return Member(self, self.groups.setdefault(group, Group(names)), thread, stale)

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See bus.api."""

    def topic_ids(self, topics: Collection[str]) -> dict[str, str]:
        """See bus.api."""
        return {name: f"{name}.{self.wipes}" for name in topics}

    def wipe(self) -> None:
        """Lose everything, and come back. Members may not notice, and go on from where they believe they are."""
        self.wipes += 1
        self.held.clear()
        for log in self.records.values():
            log.clear()
        for group in self.groups.values():
            group.committed.clear()
            group.reached.clear()
            if self.kernel.dice.random() < 0.5:
                group.members.clear()
                group.owners.clear()

    def expel(self, instance: Instance) -> None:
        """Give what a silent instance had to others; it hears of that when it asks for more."""
        for group in self.groups.values():
            for member in [each for each in group.members if each.instance is instance]:
                self.leave(group, member)

    def leave(self, group: Group, member: "Member") -> None:
        """Give what a member had to the others of its group."""
        if member in group.members:
            group.members.remove(member)
        for place in [place for place, owner in group.owners.items() if owner is member]:
            del group.owners[place]
        for other in group.members:
            other.thread.wake()

    def append(self, messages: Sequence[Message]) -> None:
        """Take records in; those who wait for them are woken."""
        topics = set()
        for message in messages:
            number = self._lanes.partition(message.topic, message.key, message.lane)
            if number is None:
                number = zlib.crc32(message.key.encode()) % self.partitions[message.topic]
            log, lane = self.records[message.topic, number], self._lanes.lane(message.topic, number)
            place = (number, len(log))
            log.append(Received(message.topic, message.key, message.value, message.headers, *place, lane=lane))
            topics.add(message.topic)
        for group in self.groups.values():
            if not topics.isdisjoint(group.topics):
                for member in group.members:
                    member.thread.wake()

    def idle(self) -> bool:
        """Whether all groups have committed all there is. Of a partition that was lost, and got nothing since, they
        keep what they had committed.
        """
        return all(
            len(log) in (group.committed.get(place, 0), group.reached.get(place, 0))
            for group in self.groups.values()
            for place, log in self.records.items()
            if log and place[0] in group.topics
        )


class Producer:
    """Publishes; the answer may be lost, or that only a part arrived."""

    def __init__(self, bus: SimulatedBus) -> None:
        self._bus, self._kernel = bus, bus.kernel

    def publish(self, messages: Sequence[Message]) -> None:
        """See bus.api."""
        kernel = self._kernel
        what = f"{len(messages)} to {','.join(sorted({each.topic for each in messages}))}"
        trouble = kernel.boundary(
            f"publish {what}", "not published", "published in part", "answer lost", "delayed", "wiped"
        )
        if trouble == "wiped":
            self._bus.wipe()
        match trouble:
            case "not published":
                pass
            case "published in part":
                self._bus.append(self._part(messages))
            case _:
                self._bus.append(messages)
        if trouble == "delayed":
            place = kernel.dice.choice(list(self._bus.records))
            self._bus.held[place] = kernel.now_us + kernel.dice.randrange(20 * SECOND)
        elif trouble and trouble != "wiped":
            raise Unavailable(f"the broker did not answer: {trouble}")
        kernel.boundary(f"published {what}")

    def close(self) -> None:
        """See bus.api."""

    def _part(self, messages: Sequence[Message]) -> list[Message]:
        """What arrives where some of the partitions do not answer: of each key in a lane all before some message."""
        ends: dict[tuple[str, str, int], bool] = {}
        part = []
        for message in messages:
            place = message.topic, message.key, message.lane
            ends[place] = ends.get(place, False) or self._kernel.dice.random() < 0.3
            if not ends[place]:
                part.append(message)
        return part


class Member:
    """A consumer. Its partitions are taken and given up when it polls."""

    def __init__(
        self, bus: SimulatedBus, group: Group, thread: Thread, stale: Callable[[TopicPartition], bool]
    ) -> None:
        self._bus, self._group, self.thread, self._stale, self._kernel = bus, group, thread, stale, bus.kernel
        self.instance = thread.instance
        self._positions: dict[TopicPartition, int] = {}
        self._closed: Collection[TopicPartition] = ()

    def poll(self, limit: int, closed: Collection[TopicPartition]) -> list[Received]:
        """Take a batch, of some partition's records first and then of the others'; of the closed ones none."""
        self._closed = closed
        self._rebalance()
        if self._kernel.dice.random() < 0.3:
            limit = min(limit, self._kernel.dice.randint(1, 4))
        places = [place for place in self._positions if self._has_more(place)]
        self._kernel.dice.shuffle(places)
        batch: list[Received] = []
        for place in places:
            position = self._positions[place]
            found = self._bus.records[place][position : position + limit - len(batch)]
            self._positions[place] += len(found)
            batch += found
        if batch:
            self._kernel.boundary(f"received {len(batch)}")
        return batch

    def rest(self) -> float:
        """Seconds until there may be more to take."""
        if any(self._has_more(place) for place in self._positions):
            return 0.0
        waits = [until for place, until in self._bus.held.items() if place in self._positions]
        return min([5.0, *(max(0.0, (until - self._kernel.now_us) / SECOND) for until in waits)])

    def commit(self, received: Sequence[Received]) -> None:
        """See bus.api. What was taken away meanwhile is not committed; as in Kafka, what was committed before gives way
        to it, were it higher: of a topic that was lost it may be.
        """
        trouble = self._kernel.boundary("commit offsets", "not committed", "answer lost")
        if trouble != "not committed":
            last: dict[TopicPartition, Received] = {}
            for message in received:
                place = (message.topic, message.partition)
                if place not in last or last[place].offset < message.offset:
                    last[place] = message
            for place, message in last.items():
                if self._group.owners.get(place) is self:
                    self._commit_to(place, message)
        if trouble:
            raise Unavailable(f"the broker did not answer: {trouble}")
        self._kernel.boundary("offsets committed")

    def _commit_to(self, place: TopicPartition, message: Received) -> None:
        group, log, end = self._group, self._bus.records[place], message.offset + 1
        group.committed[place] = end
        if end <= len(log) and log[message.offset] is message:
            group.reached[place] = max(group.reached.get(place, 0), end)

    def retain(self, received: Sequence[Received]) -> list[Received]:
        """See bus.api."""
        self._rebalance()
        return [each for each in received if self._group.owners.get((each.topic, each.partition)) is self]

    def close(self) -> None:
        """See bus.api."""
        self._bus.leave(self._group, self)

    def _has_more(self, place: TopicPartition) -> bool:
        return place not in self._closed and self._positions[place] < self._readable(place)

    def _readable(self, place: TopicPartition) -> int:
        until = self._bus.held.get(place, 0)
        if until and until <= self._kernel.now_us:
            del self._bus.held[place]
            until = 0
        return 0 if until else len(self._bus.records[place])

    def _rebalance(self) -> None:
        group = self._group
        if self not in group.members:
            group.members.append(self)
            self._positions.clear()
        mine, count = group.members.index(self), len(group.members)
        for place in self._bus.records:
            if place[0] not in group.topics:
                continue
            owner = group.owners.get(place)
            if owner is self and place[1] % count != mine:
                del group.owners[place]
                self._positions.pop(place, None)
            elif owner is None and place[1] % count == mine:
                group.owners[place] = self
                self._positions[place] = 0 if self._stale(place) else group.committed.get(place, 0)
