"""Parked messages: set aside with their bytes and a reason, so that one bad message never stops a consumer."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from services.chassis import clock, envelopes
from services.chassis.bounds import storable
from services.chassis.bus.api import Received
from services.chassis.db import Tx, insert_ignore, now_us
from vahana.event.v1 import event_pb2

LONGEST_KEY = 200
"""As much of a key as is kept: foreign producers give keys of any length."""
LONGEST_REASON = 2_000
"""As much of a reason as is kept: an error may quote the message it is about."""
HEAD = 200
"""As many bytes of a message are read to tell its id."""


class Place(NamedTuple):
    """Where a parked message came from, and who set it aside: what names it within its service."""

    topic: str
    partition: int
    offset: int
    consumer: str


class ParkedWatch(Protocol):
    """Whoever has to know which messages are parked. Told within the transaction that changes it, and of messages alone
    whose envelope can be read: nobody knows what the others are about.
    """

    def parked(self, tx: Tx, place: Place, envelope: event_pb2.Envelope, reason: str) -> None:
        """Take note that a message is set aside."""

    def released(self, tx: Tx, place: Place, envelope: event_pb2.Envelope) -> None:
        """Take note that it is not any longer: it was handled, discarded, or gave way to another at its place."""


class Parked:
    """The table `parked` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData, watch: ParkedWatch | None = None) -> None:
        """Take the table that add_platform_tables put into the metadata."""
        self._table, self._watch = metadata.tables["parked"], watch

    def add(self, tx: Tx, consumer: str, received: Received, reason: str) -> bool:
        """Set a message aside; return whether it was not before: a second time changes nothing.

        Another message that is at this place already is of a topic that was lost with its broker, and gives way: what
        was kept of it is sent again.
        """
        place = Place(received.topic, received.partition, received.offset, consumer)
        values = {
            "key": storable(received.key)[:LONGEST_KEY],
            "value": received.value,
            "reason": storable(reason)[:LONGEST_REASON],
            "parked_us": clock.now_us(),
        }
        if not insert_ignore(tx, self._table, [place._asdict() | values]) and not self._replace(tx, place, values):
            return False
        if self._watch is not None and (envelope := _readable(received.value)) is not None:
            self._watch.parked(tx, place, envelope, str(values["reason"]))
        return True

    def page(self, tx: Tx, after: Place | None, limit: int, key: str = "") -> Sequence[sa.Row[tuple[object, ...]]]:
        """Up to `limit` rows behind a place, in order of their places; of one key alone where it is given. Of a
        message's bytes they hold the `size`, and as the `head` as many as its id takes.
        """
        places, value = list(self._table.primary_key.columns), self._table.c.value
        shown = [column for column in self._table.c if column is not value]
        of_bytes = sa.func.length(value).label("size"), sa.func.substr(value, 1, HEAD).label("head")
        query = sa.select(*shown, *of_bytes).order_by(*places).limit(limit)
        if after is not None:
            query = query.where(sa.tuple_(*places) > after)
        if key:
            query = query.where(self._table.c.key == storable(key)[:LONGEST_KEY])
        return tx.execute(query).all()

    def discard(self, tx: Tx, place: Place) -> int:
        """Forget a message for good; return how many rows that were, unless it is being handed over."""
        return self._delete(tx, place, self._free(tx))

    def begin_unparking(self, tx: Tx, place: Place, seconds: float) -> Received | None:
        """Keep a message from others for so long at most, to hand it over; None where it is another's."""
        until = now_us(tx) + int(seconds * 1_000_000)
        taking = sa.update(self._table).where(*self._is(place), self._free(tx)).values(unparking_until_us=until)
        row = tx.execute(taking.returning(self._table.c.key, self._table.c.value)).one_or_none()
        if row is None:
            return None
        return Received(place.topic, row.key, row.value, (), place.partition, place.offset)

    def unparked(self, tx: Tx, place: Place) -> int:
        """Forget a message that is handled; return how many rows that were."""
        return self._delete(tx, place)

    def unparking_failed(self, tx: Tx, place: Place, reason: str | None) -> int:
        """Let others try again, and say why it failed; None leaves the reason. Returns how many rows that were."""
        told = {} if reason is None else {"reason": storable(reason)[:LONGEST_REASON]}
        again = sa.update(self._table).where(*self._is(place)).values(unparking_until_us=None, **told)
        return tx.execute(again).rowcount

    def has(self, tx: Tx, place: Place) -> bool:
        """Whether there is such a message."""
        return tx.execute(sa.select(sa.exists().where(*self._is(place)))).scalar_one()

    def _replace(self, tx: Tx, place: Place, values: dict[str, object]) -> bool:
        """Put a message in the place of another one; False where it is there already."""
        columns = self._table.c
        another = (*self._is(place), columns.value != values["value"])
        locked = sa.select(columns.value).where(*another).with_for_update()
        former: bytes | None = tx.execute(locked).scalar_one_or_none()
        if former is None:
            return False
        tx.execute(sa.update(self._table).where(*another).values(values))
        self._tell_released(tx, place, former)
        return True

    def _delete(self, tx: Tx, place: Place, *but: sa.ColumnElement[bool]) -> int:
        gone = sa.delete(self._table).where(*self._is(place), *but).returning(self._table.c.value)
        found: Sequence[bytes] = tx.execute(gone).scalars().all()
        for value in found:
            self._tell_released(tx, place, value)
        return len(found)

    def _tell_released(self, tx: Tx, place: Place, value: bytes) -> None:
        if self._watch is not None and (envelope := _readable(value)) is not None:
            self._watch.released(tx, place, envelope)

    def _is(self, place: Place) -> list[sa.ColumnElement[bool]]:
        return [self._table.c[name] == value for name, value in place._asdict().items()]

    def _free(self, tx: Tx) -> sa.ColumnElement[bool]:
        until = self._table.c.unparking_until_us
        return sa.or_(until.is_(None), until <= now_us(tx))


def _readable(value: bytes) -> event_pb2.Envelope | None:
    try:
        return envelopes.read(value)
    except ValueError:
        return None
