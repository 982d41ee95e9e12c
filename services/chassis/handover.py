"""Rows of the outbox on their way from the transaction that wrote them to the relay, without being read back."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.bus.lanes import Lane

LARGEST_BATCH = 4 * 1024 * 1024
"""Bytes after which no more rows are taken at once: a batch the bus cannot take within its patience never gets out."""
_MOST_BYTES = 16 * 1024 * 1024
"""What is held while the bus is away; beyond that, the database holds it well enough."""


@dataclass(frozen=True, slots=True)
class UnsentRow:
    """A row as the relay sends it."""

    id: int
    topic: str
    rank: int
    key: str
    message_id: str
    value: bytes
    lane: int = Lane.FAST


class Handover:
    """Holds what was committed since the outbox was last read, in the order of the commits.

    It knows when it does not hold all of that: at the start, after a failure, when it was too much. Then the relay
    reads the outbox.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._rows: deque[UnsentRow] = deque()
        self._bytes = 0
        self._whole = False

    def put(self, rows: Sequence[UnsentRow]) -> None:
        """Hand over what was committed just now. From any thread, in the order of the commits."""
        with self._lock:
            if not self._whole:
                return
            self._rows.extend(rows)
            self._bytes += sum(len(row.value) for row in rows)
            if self._bytes > _MOST_BYTES:
                self._clear(whole=False)

    def take(self, limit: int) -> list[UnsentRow] | None:
        """Return the next rows, as many as go into a batch; None where the outbox has to be read."""
        with self._lock:
            if not self._whole:
                return None
            taken: list[UnsentRow] = []
            size = 0
            while self._rows and len(taken) < limit and size < LARGEST_BATCH:
                taken.append(self._rows.popleft())
                size += len(taken[-1].value)
            self._bytes -= size
            return taken

    def miss(self) -> None:
        """Have the outbox read: something of it has to be sent that is not held here. From any thread."""
        with self._lock:
            self._clear(whole=False)

    def begin(self) -> None:
        """Hold what is committed from now on: the outbox is about to be read."""
        with self._lock:
            self._clear(whole=True)

    def read(self, last_id: int) -> None:
        """The outbox was read up to this row: what is held of that goes a second time otherwise."""
        with self._lock:
            while self._rows and self._rows[0].id <= last_id:
                self._bytes -= len(self._rows.popleft().value)

    def _clear(self, *, whole: bool) -> None:
        self._rows.clear()
        self._bytes, self._whole = 0, whole
