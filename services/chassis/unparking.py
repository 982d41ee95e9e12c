"""What operators do about parked messages: look at them, hand them over once more, discard them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import sqlalchemy as sa

from services.chassis import envelopes, log
from services.chassis.bus.api import Received
from services.chassis.consume import Delivery, Handle
from services.chassis.db import Database
from services.chassis.errors import NotFound, Unavailable, WrongState
from services.chassis.parked import Parked, Place

UNPARKING_SECONDS = 60.0
"""How long a message that is handed over is nobody else's: the process may die over it, and tells nobody."""


class Unparking:
    """The parked messages of one service, and who handles those of each of its consumers."""

    def __init__(self, db: Database, parked: Parked, handlers: Mapping[str, Handle]) -> None:
        """`handlers`: by the name of their consumer; looked at when it is needed."""
        self._db, self._parked, self._handlers = db, parked, handlers
        self._log = log.get("unpark")

    def page(self, after: Place | None, limit: int, key: str) -> Sequence[sa.Row[tuple[object, ...]]]:
        """See Parked."""
        with self._db.read() as tx:
            return self._parked.page(tx, after, limit, key)

    def discard(self, place: Place) -> None:
        """Forget a message for good. NotFound, or WrongState while it is handed over."""
        with self._db.write() as tx:
            if not self._parked.discard(tx, place):
                raise self._refusal(self._parked.has(tx, place), place)
        self._log.warning("parked message discarded", **place._asdict())

    def unpark(self, place: Place) -> None:
        """Hand a message to its consumer once more; it is parked no longer once it is handled.

        NotFound; WrongState while another call hands it over, or where it fails again, which the row then tells;
        Unavailable in an outage, which changes nothing.
        """
        with self._db.write() as tx:
            received = self._parked.begin_unparking(tx, place, UNPARKING_SECONDS)
            if received is None:
                raise self._refusal(self._parked.has(tx, place), place)
        failure = self._failure(place, received)
        with self._db.write() as tx:
            if failure is None:
                self._parked.unparked(tx, place)
            else:
                self._parked.unparking_failed(tx, place, failure)
        if failure is not None:
            raise WrongState(f"it failed again, and stays parked: {failure}")
        self._log.info("message unparked", **place._asdict())

    def _failure(self, place: Place, received: Received) -> str | None:
        """Why it cannot be handled; None where it is."""
        handle = self._handlers.get(place.consumer)
        if handle is None:
            return f"this service has no consumer {place.consumer!r} any more"
        try:
            delivery = Delivery(envelopes.read(received.value), received)
        except ValueError as error:
            return str(error)
        try:
            handle([delivery])
        except Unavailable:
            with suppress(Unavailable), self._db.write() as tx:
                self._parked.unparking_failed(tx, place, None)
            raise
        except Exception as error:
            self._log.exception("unparking failed", **place._asdict())
            return f"{type(error).__name__}: {error}"
        return None

    @staticmethod
    def _refusal(there: bool, place: Place) -> NotFound | WrongState:
        if there:
            return WrongState("it is being handed over just now; look again in a minute")
        return NotFound("parked message", f"{place.topic}/{place.partition}@{place.offset} of {place.consumer}")
