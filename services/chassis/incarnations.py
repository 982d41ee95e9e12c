"""Which incarnation of each topic a reader's offsets, or a writer's marks, are about.

A broker that lost its data comes back with topics of the same names that are others: offsets committed in the former
ones mean nothing in them, and what was sent is not there. Kafka gives every topic an id of its own, which is how they
are told apart: an offset out of range, or the cluster's id, does not tell.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from services.chassis.bus.api import Bus, TopicPartition
from services.chassis.db import Database, Tx, upsert
from services.chassis.errors import Unavailable

LOOK_SECONDS = 5.0
WHOLE = -1
"""In place of a partition: the topic as a whole, for a writer."""


class Incarnations:
    """The table `incarnation`, as one reader or writer of some topics sees it. For use by one thread."""

    def __init__(self, db: Database, bus: Bus, reader: str, topics: Collection[str]) -> None:
        """`reader` names the consumer group, or the writer."""
        self._db, self._bus, self._reader, self._topics = db, bus, reader, sorted(topics)
        self._table = db.metadata.tables["incarnation"]
        self._present: Mapping[str, str] = {}
        self._kept: dict[TopicPartition, str] = {}
        self._looked = 0.0

    def load(self) -> bool:
        """Take up what is kept, and what there is now; return whether that is what it was at the last load.

        errors.Unavailable where either cannot be had.
        """
        with self._db.read() as tx:
            found = tx.execute(_kept(self._table), {"reader": self._reader}).all()
        self._kept = {(row.topic, row.partition): row.topic_id for row in found}
        present = self._bus.topic_ids(self._topics)
        if absent := [topic for topic in self._topics if topic not in present]:
            raise Unavailable(f"the bus does not have these topics yet: {', '.join(absent)}")
        before, self._present = self._present, present
        self._looked = time.monotonic()
        return before == present

    def confirmed(self, tx: Tx) -> bool:
        """Tell whether what is kept is what was loaded: nobody else has seen newer topics. Holds until `tx` ends."""
        rows = tx.execute(_kept_still(self._table), {"reader": self._reader}).all()
        return all(row.topic_id == self._present.get(row.topic) for row in rows)

    def changed(self) -> bool:
        """Tell whether a topic is another one than it was at the last load; looks every five seconds."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        return self._bus.topic_ids(self._topics) != self._present

    def stale(self, place: TopicPartition) -> bool:
        """Tell whether what is kept of a place is of a former incarnation."""
        kept = self._kept.get(place)
        return kept is not None and kept != self._present.get(place[0])

    def missing(self, places: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Return the places of which the present incarnation is not kept yet."""
        return [place for place in places if self._kept.get(place) != self._present.get(place[0])]

    def keep(self, tx: Tx, places: Collection[TopicPartition]) -> None:
        """Record that offsets or marks are about the present incarnation from now on."""
        upsert(
            tx,
            self._table,
            [
                {"reader": self._reader, "topic": topic, "partition": partition, "topic_id": self._present[topic]}
                for topic, partition in sorted(places)
            ],
        )
        self._kept |= {place: self._present[place[0]] for place in places}


@lru_cache
def _kept(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).where(table.c.reader == sa.bindparam("reader"))


@lru_cache
def _kept_still(table: sa.Table) -> sa.Select[Any]:
    return _kept(table).with_for_update(read=True)
