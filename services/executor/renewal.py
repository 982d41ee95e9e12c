"""Keeps the leases of what this executor works on, and clears out what ended long ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

from services.chassis import clock, log
from services.chassis.db import Database, Tx, after_commit, now_us
from services.chassis.errors import Unavailable
from services.executor import storage
from services.executor.backoff import SECOND
from services.executor.domain.claims import Key
from services.executor.roster import Roster

_KEPT_US = 14 * 24 * 3600 * SECOND
_PURGE_EVERY_SECONDS = 3600.0
_SLEPT = 0.7
"""Part of a lease after which this process must have been stopped."""
_log = log.get(__name__)


class Renewal:
    """Renews leases, with them the lanes of what is worked on, and sees what of it is to be ended."""

    def __init__(self, db: Database, roster: Roster, lease_seconds: float) -> None:
        """A lease is renewed three times before it ends."""
        self._db, self._roster, self._lease = db, roster, lease_seconds
        self._renewed_us = clock.now_us()

    def run(self, stop: threading.Event) -> None:
        """Thread body."""
        purged = time.monotonic()
        while not stop.wait(self._lease * 0.3):
            try:
                self.renew()
                if time.monotonic() - purged > _PURGE_EVERY_SECONDS:
                    purged = time.monotonic()
                    with self._db.write() as tx:
                        storage.purge(tx, clock.now_us() - _KEPT_US)
            except Unavailable as error:
                _log.warning("leases not renewed", reason=error.message)

    def renew(self) -> None:
        """Renew all, once."""
        begun = clock.now_us()
        if not self._roster:
            self._renewed_us = begun
            return
        with self._db.write() as tx:
            self._extend(tx, now_us(tx), begun)

    def catch_up(self, tx: Tx, now: int) -> None:
        """Renew where this process must have been stopped: in the transaction that claims, lest it take what its own
        workers still do for the work of a dead one.
        """
        begun = clock.now_us()
        if begun - self._renewed_us > self._lease * _SLEPT * SECOND:
            self._extend(tx, now, begun)

    def _extend(self, tx: Tx, now: int, begun: int) -> None:
        turns = self._roster.turns()
        storage.renew(tx, [(turn.claim, turn.queue) for turn in turns], now + int(self._lease * SECOND))
        canceled = storage.asked_to_end(tx, [turn.claim.key for turn in turns])
        after_commit(tx, lambda: self._extended(canceled, begun))

    def _extended(self, canceled: Collection[Key], begun: int) -> None:
        self._renewed_us = begun
        self._roster.interrupt(canceled)
