"""Lanes: what takes long travels on partitions of its own, so that what is over soon never queues behind it.

The first partitions of a topic with lanes are the fast lane, its last `Topic.slow` ones the slow lane. A message's lane
chooses among them, and the CRC-32 of its key chooses within the lane. So messages of one key keep their order within a
lane alone: lanes are for topics whose messages about one key do not depend on each other's order, as dispatches do not,
which are told apart by task and attempt. Topics without lanes are partitioned by the bus.
"""

import zlib
from collections.abc import Collection, Iterable
from enum import IntEnum

from services.chassis.bus.topics import ALL, Topic


class Lane(IntEnum):
    """The numbers of vahana.event.v1.Lane."""

    FAST = 1
    SLOW = 2


def partitions(topic: Topic, lane: int) -> range:
    """Return the partitions of a lane. In a topic without lanes everything is fast."""
    fast = topic.partitions - topic.slow
    return range(fast, topic.partitions) if lane == Lane.SLOW else range(fast)


def partition(topic: Topic, key: str, lane: int) -> int:
    """Return the partition that messages of a key take in a lane of a topic with lanes."""
    among = partitions(topic, lane)
    return among[zlib.crc32(key.encode()) % len(among)]


def places(topics: Iterable[Topic], lanes: Collection[int]) -> frozenset[tuple[str, int]]:
    """Return all partitions of these lanes, each with its topic's name."""
    return frozenset((topic.name, number) for topic in topics for lane in lanes for number in partitions(topic, lane))


class Lanes:
    """Which topics have lanes: those of the mesh, and others a bus was told of."""

    def __init__(self) -> None:
        """Know the topics of the mesh."""
        self._topics: dict[str, Topic] = {}
        self.learn(ALL)

    def learn(self, topics: Iterable[Topic]) -> None:
        """Take note of topics."""
        self._topics.update((topic.name, topic) for topic in topics if topic.slow)

    def partition(self, topic: str, key: str, lane: int) -> int | None:
        """Return where a message goes; None where that is for the bus to say."""
        known = self._topics.get(topic)
        return None if known is None else partition(known, key, lane)

    def lane(self, topic: str, number: int) -> Lane:
        """Return the lane of a partition."""
        known = self._topics.get(topic)
        return Lane.FAST if known is None or number in partitions(known, Lane.FAST) else Lane.SLOW
