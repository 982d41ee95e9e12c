"""Which messages the processes of a service died over: a message that ends whoever handles it is found and counted.

While all goes well a reader writes one row a partition, when the first message of it comes, and deletes that when it
stops in order. A row somebody else left tells that they did not: the first messages of that partition are among those
they had in hand. Mostly they have nothing to do with it, so they are handled as ever, but the first of each partition
is noted before. Where a note is found whoever wrote it died, too: then messages are handled one by one, each counted
before it is handled, in a transaction that also forgets the one before. What fails otherwise than by an outage leaves
its count, as a death does.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from services.chassis.bus.api import Received, TopicPartition
from services.chassis.db import Database, Tx, insert_ignore, upsert
from services.chassis.errors import Unavailable
from services.chassis.ids import new_id

_Message = tuple[str, int, int]
"""What names one: its topic, partition and offset."""


class Care(IntEnum):
    """How messages are to be handled."""

    NONE = 0
    NOTED = 1
    """As ever; whoever comes after a death finds a note."""
    EACH = 2
    """One by one, each of them counted."""


class Deaths:
    """The tables `reading` and `attempted`, as one member of a consumer group sees them. For use by one thread."""

    def __init__(self, db: Database, reader: str) -> None:
        """`reader` names the consumer group."""
        self._db, self._reader, self._me = db, reader, new_id("reader")
        self._reading, self._attempted = db.metadata.tables["reading"], db.metadata.tables["attempted"]
        self._careful: dict[TopicPartition, tuple[int, Care]] = {}
        """The care each partition read from so far is handled with, and the offset where that ends."""
        self._written: set[_Message] = set()
        """What was noted or counted, and not forgotten."""

    def care(self, batch: Sequence[Received], window: int) -> Care:
        """The care that a batch is to be handled with, for which it is noted where that is due: somebody may have died
        over the first `window` messages of a partition. errors.Unavailable where that cannot be told now.
        """
        first = {(each.topic, each.partition): each.offset for each in reversed(batch)}
        new = {place: offset for place, offset in first.items() if place not in self._careful}
        if new:
            with self._db.write() as tx:
                died = self._take_over(tx, new)
            for place, offset in new.items():
                self._careful[place] = (offset + window, died.get(place, Care.NONE))
        care = max(self._care_at(place, offset) for place, offset in first.items())
        if care is Care.NOTED:
            with self._db.write() as tx:
                notes = [self._of((*place, offset)) | {"digest": "", "count": 0} for place, offset in first.items()]
                insert_ignore(tx, self._attempted, notes)
            self._written |= {(*place, offset) for place, offset in first.items()}
        return care

    def count(self, received: Received) -> int:
        """Count that a message is about to be handled, durably, and return how often it was with this."""
        of, digest = self._of(_message(received)), hashlib.sha256(received.value).hexdigest()
        columns = self._attempted.c
        # A topic made anew has other messages at the same places.
        counted = sa.case((columns.digest == digest, columns.count + 1), else_=1)
        with self._db.write() as tx:
            self._forget(tx, self._written - {_message(received)})
            insert_ignore(tx, self._attempted, [of | {"digest": digest, "count": 0}])
            counting = sa.update(self._attempted).where(*self._are(of)).values(count=counted, digest=digest)
            count: int = tx.execute(counting.returning(columns.count)).scalar_one()
        self._written = {_message(received)}
        return count

    def uncount(self, received: Received) -> None:
        """Take the last count back: nothing was wrong with the message. Where the database is away the count stays."""
        of, columns = self._of(_message(received)), self._attempted.c
        with suppress(Unavailable), self._db.write() as tx:
            tx.execute(sa.update(self._attempted).where(*self._are(of)).values(count=columns.count - 1))
            tx.execute(sa.delete(self._attempted).where(*self._are(of), columns.count < 1))

    def forget(self, handled: Sequence[Received]) -> None:
        """Forget notes and counts of what is handled, before its offsets are committed. Where the database is away they
        stay until somebody else reads on from behind them.
        """
        these = self._written.intersection(map(_message, handled))
        if these:
            with suppress(Unavailable), self._db.write() as tx:
                self._forget(tx, these)
            self._written -= these

    def leave(self) -> None:
        """Stop in order: nobody needs to take care on our account. Where the database is away they will."""
        with suppress(Unavailable), self._db.write() as tx:
            mine = (self._reading.c.reader == self._reader, self._reading.c.holder == self._me)
            tx.execute(sa.delete(self._reading).where(*mine))
        self._careful.clear()

    def _care_at(self, place: TopicPartition, offset: int) -> Care:
        until, care = self._careful[place]
        return care if offset < until else Care.NONE

    def _take_over(self, tx: Tx, new: Mapping[TopicPartition, int]) -> dict[TopicPartition, Care]:
        """Become the one who reads these partitions; return those of which somebody before us did not stop in order,
        and those with messages that they had noted or counted.
        """
        left = tx.execute(_left(self._reading), {"reader": self._reader, "me": self._me}).all()
        upsert(
            tx,
            self._reading,
            [
                {"reader": self._reader, "topic": topic, "partition": partition, "holder": self._me}
                for topic, partition in sorted(new)
            ],
        )
        found = tx.execute(_noted(self._attempted), {"reader": self._reader})
        noted: set[_Message] = {(row.topic, row.partition, row.offset) for row in found}
        # What was counted and committed before its count could be forgotten.
        passed = {each for each in noted if each[2] < new.get(each[:2], 0)}
        self._forget(tx, passed)
        died = {(row.topic, row.partition): Care.NOTED for row in left}
        return died | {(topic, partition): Care.EACH for topic, partition, _ in noted - passed}

    def _forget(self, tx: Tx, messages: Collection[_Message]) -> None:
        if messages:
            tx.execute(_forgetting(self._attempted), {"reader": self._reader, "these": sorted(messages)})

    def _of(self, message: _Message) -> dict[str, str | int]:
        topic, partition, offset = message
        return {"reader": self._reader, "topic": topic, "partition": partition, "offset": offset}

    def _are(self, of: Mapping[str, str | int]) -> list[sa.ColumnElement[bool]]:
        return [self._attempted.c[name] == value for name, value in of.items()]


@lru_cache
def _left(reading: sa.Table) -> sa.Select[Any]:
    of = reading.c
    others = (of.reader == sa.bindparam("reader"), of.holder != sa.bindparam("me"))
    return sa.select(of.topic, of.partition).where(*others)


@lru_cache
def _noted(attempted: sa.Table) -> sa.Select[Any]:
    of = attempted.c
    return sa.select(of.topic, of.partition, of.offset).where(of.reader == sa.bindparam("reader"))


@lru_cache
def _forgetting(attempted: sa.Table) -> sa.Delete:
    of = attempted.c
    these = sa.tuple_(of.topic, of.partition, of.offset).in_(sa.bindparam("these", expanding=True))
    return sa.delete(attempted).where(of.reader == sa.bindparam("reader"), these)


def _message(received: Received) -> _Message:
    return received.topic, received.partition, received.offset
