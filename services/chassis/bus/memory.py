"""The bus within one process, for tests. The suite in tests/contract/bus holds it to what Kafka does."""

import threading
import time
import uuid
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from services.chassis.bus.api import Message, Received, TopicPartition
from services.chassis.bus.lanes import Lanes
from services.chassis.bus.topics import Topic
from services.chassis.errors import Unavailable


@dataclass
class _Group:
    """What the members of a group have in common."""

    committed: dict[TopicPartition, int] = field(default_factory=dict)
    members: list["_MemoryConsumer"] = field(default_factory=list)
    owners: dict[TopicPartition, "_MemoryConsumer"] = field(default_factory=dict)


class MemoryBus:
    """Topics as lists, groups as dictionaries, one condition for all."""

    def __init__(self) -> None:
        """Start without topics."""
        self.changed = threading.Condition()
        self.records: dict[TopicPartition, list[Received]] = {}
        self.partitions: dict[str, int] = {}
        self.lanes = Lanes()
        self.groups: dict[str, _Group] = {}
        self.incarnations: dict[str, str] = {}
        self.down = False

    def producer(self) -> "_MemoryProducer":
        """See bus.api.Bus."""
        return _MemoryProducer(self)

    def consumer(
        self, group: str, topics: Sequence[Topic], stale: Callable[[TopicPartition], bool] = lambda _place: False
    ) -> "_MemoryConsumer":
        """See bus.api.Bus."""
        with self.changed:
            state = self.groups.setdefault(group, _Group())
            member = _MemoryConsumer(self, state, [topic.name for topic in topics], stale)
            state.members.append(member)
            return member

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See bus.api.Bus."""
        with self.changed:
            self.check_up()
            self.lanes.learn(topics)
            for topic in topics:
                self.incarnations.setdefault(topic.name, uuid.uuid4().hex)
                if self.partitions.setdefault(topic.name, topic.partitions) == topic.partitions:
                    for number in range(topic.partitions):
                        self.records.setdefault((topic.name, number), [])

    def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """See bus.api.Bus."""
        with self.changed:
            self.check_up()
            return {name: self.incarnations[name] for name in topics if name in self.incarnations}

    def close(self) -> None:
        """See bus.api.Bus."""

    def wipe(self) -> None:
        """Play a broker that lost all it had, and comes back; its members go on where they believe they are."""
        with self.changed:
            self.incarnations.clear()
            self.partitions.clear()
            self.records.clear()
            for group in self.groups.values():
                group.committed.clear()
            self.changed.notify_all()

    def set_down(self, down: bool) -> None:
        """Play a broker that is gone, or back with all it had."""
        with self.changed:
            self.down = down
            self.changed.notify_all()

    def check_up(self) -> None:
        """Raise Unavailable while the broker is played as gone."""
        if self.down:
            raise Unavailable("the memory bus is down")


class _MemoryProducer:
    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def publish(self, messages: Sequence[Message]) -> None:
        bus = self._bus
        with bus.changed:
            bus.check_up()
            missing = {message.topic for message in messages} - bus.partitions.keys()
            if missing:
                raise Unavailable(f"no such topic: {', '.join(sorted(missing))}")
            for message in messages:
                number = bus.lanes.partition(message.topic, message.key, message.lane)
                if number is None:
                    number = zlib.crc32(message.key.encode()) % bus.partitions[message.topic]
                log, lane = bus.records[message.topic, number], bus.lanes.lane(message.topic, number)
                place = (number, len(log))
                log.append(Received(message.topic, message.key, message.value, message.headers, *place, lane=lane))
            bus.changed.notify_all()

    def close(self) -> None:
        pass


class _MemoryConsumer:
    def __init__(
        self, bus: MemoryBus, group: _Group, topics: list[str], stale: Callable[[TopicPartition], bool]
    ) -> None:
        self._bus, self._group, self._topics, self._stale = bus, group, topics, stale
        self._positions: dict[TopicPartition, int] = {}
        self._handled: list[Received] = []

    def poll(self, timeout_s: float, limit: int, closed: Collection[TopicPartition] = ()) -> list[Received]:
        deadline = time.monotonic() + timeout_s
        self._rebalance()
        with self._bus.changed:
            while True:
                self._adopt()
                batch = [] if self._bus.down else self._take(limit, closed)
                left = deadline - time.monotonic()
                if batch or left <= 0:
                    return batch
                self._bus.changed.wait(left)

    def handled(self, received: Sequence[Received]) -> None:
        self._handled += received

    def commit(self, received: Sequence[Received]) -> None:
        with self._bus.changed:
            self._bus.check_up()
            self._handled = []
            for message in received:
                place = (message.topic, message.partition)
                if self._group.owners.get(place) is self:
                    committed = self._group.committed.get(place, 0)
                    self._group.committed[place] = max(committed, message.offset + 1)

    def retain(self, received: Sequence[Received]) -> list[Received]:
        self._rebalance()
        with self._bus.changed:
            owners = self._group.owners
            return [message for message in received if owners.get((message.topic, message.partition)) is self]

    def close(self) -> None:
        with self._bus.changed:
            if self in self._group.members:
                self._group.members.remove(self)
            self._release(list(self._positions))

    def _target(self) -> set[TopicPartition]:
        """What this member should have: partitions are dealt out in turn to those who subscribe to the topic."""
        mine = set()
        for topic in self._topics:
            members = [member for member in self._group.members if topic in member._topics]
            for number in range(self._bus.partitions.get(topic, 0)):
                if self in members and members[number % len(members)] is self:
                    mine.add((topic, number))
        return mine

    def _rebalance(self) -> None:
        with self._bus.changed:
            self._release([place for place in self._positions if place not in self._target()])

    def _release(self, places: list[TopicPartition]) -> None:
        if places and self._handled and not self._bus.down:
            self.commit(self._handled)
        for place in places:
            del self._positions[place]
            del self._group.owners[place]
        self._bus.changed.notify_all()

    def _adopt(self) -> None:
        for place in self._target():
            if place not in self._group.owners:
                self._group.owners[place] = self
                self._positions[place] = 0 if self._stale(place) else self._group.committed.get(place, 0)

    def _take(self, limit: int, closed: Collection[TopicPartition]) -> list[Received]:
        batch: list[Received] = []
        for place, position in self._positions.items():
            if place in closed:
                continue
            batch += self._bus.records.get(place, [])[position : position + limit - len(batch)]
            self._positions[place] = position + len([m for m in batch if (m.topic, m.partition) == place])
        return batch
