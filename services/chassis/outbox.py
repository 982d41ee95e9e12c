"""The outbox: messages written in the transaction of the change they tell of, sent afterwards by the relay."""

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from services.chassis import clock
from services.chassis.bus.lanes import Lane
from services.chassis.bus.topics import Topic
from services.chassis.db import Tx, after_commit, at_commit
from services.chassis.errors import LimitExceeded
from services.chassis.handover import LARGEST_BATCH, Handover, UnsentRow
from vahana.event.v1 import event_pb2

LARGEST_VALUE = 512 * 1024
FORGOTTEN_US = 0
"""When what was let go of before it was marked is taken to be sent: so long ago that the next purge takes it."""
CHANNEL = "vahana_outbox"
"""Where PostgreSQL tells the relay, which may be another replica's, of new rows."""

_LAST_ID = "SELECT last_insert_rowid()"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message to be sent: `value` is a serialised Envelope; `ref` names what it is about, e.g. "proc-…/task/1".

    `lane`: where the topic has lanes, the one it takes, whenever it is sent.
    """

    topic: Topic
    key: str
    value: bytes
    ref: str = ""
    lane: Lane = Lane.FAST


class Outbox:
    """The table `outbox` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData) -> None:
        """Take the table that add_platform_tables put into the metadata."""
        self.metadata = metadata
        self.committed = threading.Event()
        """Set whenever a transaction with new rows is committed: the relay's wake-up."""
        self.handover = Handover()
        self._table = metadata.tables["outbox"]
        columns = self._table.c
        self._insert = sa.insert(self._table)
        self._insert_by_order = self._insert.returning(columns.id, sort_by_parameter_order=True)
        self._unsent = (
            sa.select(*(columns[field.name] for field in fields(UnsentRow)))
            .where(columns.sent_us.is_(None))
            .order_by(columns.id)
            .limit(sa.bindparam("most", type_=sa.Integer))
        )
        self._unsent_but = self._unsent.where(columns.id.not_in(sa.bindparam("sent", expanding=True)))
        unmarked = (columns.id.in_(sa.bindparam("ids", expanding=True)), columns.sent_us.is_(None))
        self._mark = sa.update(self._table).where(*unmarked).values(sent_us=sa.bindparam("now"))

    def add(self, tx: Tx, topic: Topic, key: str, value: bytes, ref: str = "") -> None:
        """Write one message. A status is to be added before the dispatch it goes with."""
        self.add_many(tx, [OutboxRow(topic, key, value, ref)])

    def add_many(self, tx: Tx, rows: Iterable[OutboxRow]) -> None:
        """Write messages; lower ranks of topic first, else in the order given. LimitExceeded over 512 KB."""
        now = clock.now_us()
        records = [_record(row, now) for row in sorted(rows, key=lambda row: row.topic.rank)]
        if not records:
            return
        written = [_unsent(id_, record) for id_, record in zip(self._ids(tx, records), records, strict=True)]
        at_commit(tx, lambda: self.handover.put(written))
        self._wake(tx)

    def _ids(self, tx: Tx, records: list[dict[str, Any]]) -> Sequence[int]:
        """Insert the rows; return their ids, in their order."""
        if tx.dialect.name == "postgresql":
            return tx.execute(self._insert_by_order, records).scalars().all()
        # Asked for its ids SQLite is sent row by row. But nobody else writes: they are the last there are.
        tx.execute(self._insert, records)
        last: int = tx.exec_driver_sql(_LAST_ID).scalar_one()
        return range(last - len(records) + 1, last + 1)

    def is_unsent(self, tx: Tx, ref: str) -> bool:
        """Tell whether a message of this ref has not left yet, as far as is marked."""
        columns = self._table.c
        return tx.execute(sa.select(sa.exists().where(columns.ref == ref, columns.sent_us.is_(None)))).scalar_one()

    def lanes(self, tx: Tx, key: str, topics: Collection[str]) -> dict[str, Lane]:
        """Return the lanes that kept messages of a key to these topics take, by their refs."""
        columns = self._table.c
        its = (columns.key == key, columns.topic.in_(sorted(topics)))
        rows = tx.execute(sa.select(columns.ref, columns.lane).where(*its).order_by(columns.id))
        return {row.ref: Lane(row.lane) for row in rows}

    def resend(self, tx: Tx, ref: str) -> int:
        """Have all kept messages of a ref sent again, under their old ids; return how many."""
        return self._again(tx, self._table.c.ref == ref)

    def resend_topics(self, tx: Tx, topics: Collection[str]) -> int:
        """Have all kept messages of these topics sent again, since the bus has lost them; return how many."""
        after_commit(tx, self.handover.miss)
        return self._again(tx, self._table.c.topic.in_(sorted(topics)))

    def resend_key(self, tx: Tx, topic: Topic, key: str) -> int:
        """Have all kept messages of a key sent to a topic again; return how many."""
        columns = self._table.c
        return self._again(tx, sa.and_(columns.key == key, columns.topic == topic.name))

    def forget(self, tx: Tx, keys: Collection[str], *, unsent: bool = False) -> int:
        """Delete what was sent of these keys: nobody will ask for it again. Return how many.

        `unsent`: and, with the next purge, what is not marked as sent, which may be on its way all the same: for who
        knows that nobody needs it.
        """
        columns = self._table.c
        its = columns.key.in_(sorted(keys))
        count = tx.execute(sa.delete(self._table).where(its, columns.sent_us.is_not(None))).rowcount
        if unsent:
            # Not deleted: on SQLite another row would get its id, and be marked by a relay yet to mark this one.
            # Locked in the order in which relays mark.
            waiting = sa.select(columns.id).where(its, columns.sent_us.is_(None)).order_by(columns.id).with_for_update()
            forgotten = sa.update(self._table).where(columns.id.in_(waiting))
            count += tx.execute(forgotten.values(sent_us=FORGOTTEN_US)).rowcount
        return count

    def _again(self, tx: Tx, which: sa.ColumnElement[bool]) -> int:
        kept = self._table.c.sent_us > FORGOTTEN_US
        count = tx.execute(sa.update(self._table).where(which, kept).values(sent_us=None)).rowcount
        if count:
            after_commit(tx, self.handover.miss)
            self._wake(tx)
        return count

    def _wake(self, tx: Tx) -> None:
        """Have the relay look once this is committed, wherever it runs."""
        after_commit(tx, self.committed.set)
        if tx.dialect.name == "postgresql":
            tx.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))

    def unsent(self, tx: Tx, limit: int, sent: Sequence[int] = ()) -> list[UnsentRow]:
        """Return the lowest rows not sent yet, in order: up to `limit` of them, or fewer that make up 4 MB.

        `sent`: those that are, and are not marked yet.
        """
        which = (self._unsent_but, {"most": limit, "sent": list(sent)}) if sent else (self._unsent, {"most": limit})
        found: list[UnsentRow] = []
        size = 0
        with tx.execute(*which) as rows:
            for row in rows.mappings():
                found.append(UnsentRow(**row))
                size += len(row["value"])
                if size >= LARGEST_BATCH:
                    break
        return found

    def mark_sent(self, tx: Tx, ids: list[int]) -> None:
        """Record that these rows were acknowledged by the bus."""
        tx.execute(self._mark, {"ids": ids, "now": clock.now_us()})

    def purge(self, tx: Tx, before_us: int) -> int:
        """Delete rows sent before a time; return how many."""
        table = self._table
        return tx.execute(sa.delete(table).where(table.c.sent_us < before_us)).rowcount


def _unsent(id_: int, record: dict[str, Any]) -> UnsentRow:
    place = record["topic"], record["rank"], record["key"]
    return UnsentRow(id_, *place, record["message_id"], record["value"], record["lane"])


def _record(row: OutboxRow, now: int) -> dict[str, Any]:
    if len(row.value) > LARGEST_VALUE:
        raise LimitExceeded(f"a message of {len(row.value)} bytes is over the limit of {LARGEST_VALUE}")
    message_id = event_pb2.Envelope.FromString(row.value).id
    if not message_id:
        raise ValueError("an envelope without an id cannot be told from its copies")
    return {
        "topic": row.topic.name,
        "rank": row.topic.rank,
        "key": row.key,
        "message_id": message_id,
        "ref": row.ref,
        "value": row.value,
        "lane": int(row.lane),
        "created_us": now,
    }
