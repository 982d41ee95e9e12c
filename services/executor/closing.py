"""Closes a lane that holds as much as it may: what is sent to it stays on the bus until workers have caught up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Set

from services.chassis import log
from services.chassis.bus.topics import kebab
from services.chassis.db import Database
from services.chassis.errors import Unavailable
from services.executor import host_storage, storage
from services.executor.domain.closing import full
from services.executor.domain.queues import Lane, Pool
from services.executor.wire import NEVER

LOOK_SECONDS = 1.0
_log = log.get(__name__)


class Closing:
    """Knows which lanes of which types of task are closed. What comes between two looks may go beyond the capacity."""

    def __init__(self, db: Database, capacity: int) -> None:
        """All are open. `capacity`: how many claims of one type and lane may wait for workers."""
        self._db, self._capacity = db, capacity
        self._closed: frozenset[Pool] = frozenset()

    def closed(self, task_type: int) -> Collection[int]:
        """Return the lanes of a type of task that are closed, as of the last look. From any thread."""
        return [pool.lane for pool in self._closed if pool.type == task_type]

    def run(self, stop: threading.Event) -> None:
        """Thread body: look every second. While the database is away, all stays as it is."""
        while not stop.is_set():
            try:
                self.look()
            except Unavailable as error:
                _log.warning("lanes not looked at", reason=error.message)
            stop.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Count what waits, and close or open."""
        waiting = self._waiting()
        before, self._closed = self._closed, full(waiting, self._closed, self._capacity)
        _tell("lane closed", self._closed - before, waiting)
        _tell("lane open again", before - self._closed, waiting)

    def _waiting(self) -> Counter[Pool]:
        """Count the claims that wait, those that are tried again later too. Not the cancels that came before their
        dispatch: those wait for what is on the bus, and would keep it there. Nor those at hosts that do not answer: no
        worker takes them, and they would keep from the bus what other hosts could do.
        """
        waiting = Counter[Pool]()
        with self._db.read() as tx:
            barred = {host for host, breaker in host_storage.unwell(tx).items() if breaker.barred}
            for line in storage.lines(tx, NEVER - 1, self._capacity + 1):
                if line.queue.host not in barred:
                    waiting[line.queue.pool] += line.due
        return waiting


def _tell(what: str, pools: Set[Pool], waiting: Counter[Pool]) -> None:
    for pool in sorted(pools):
        _log.warning(what, type=kebab(pool.type), lane=Lane(pool.lane).name.lower(), waiting=waiting[pool])
