"""Group commit: short writes of many threads in one transaction, and so one wait for the disk for all of them."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

import sqlalchemy as sa

T = TypeVar("T")


class Group:
    """Whoever comes while nobody writes, writes for all who wait; who comes meanwhile waits for the next turn."""

    def __init__(
        self,
        write: Callable[[], AbstractContextManager[sa.Connection]],
        alone: Callable[[sa.Connection], AbstractContextManager[None]],
        lost: Callable[[Exception], bool],
    ) -> None:
        """`write` opens a transaction. `alone` is a block that, where it raises, undoes what it wrote and no more.
        `lost` tells of such an exception whether the database may have undone the whole transaction.
        """
        self._write, self._alone, self._lost = write, alone, lost
        self._lock = threading.Lock()
        self._waiting: list[_Entry] = []
        self._led = False
        self._leader: int | None = None

    def run(self, fn: Callable[[sa.Connection], T]) -> T:
        """See Database.together."""
        if self._leader == threading.get_ident():
            # From what runs after a commit: the turn is ours still, and nobody else's to wait for.
            with self._write() as tx:
                return fn(tx)
        entry = _Entry(fn)
        with self._lock:
            self._waiting.append(entry)
            leads, self._led = not self._led, True
        if not leads:
            entry.awake.wait()
        if not entry.ended:
            self._lead()
        if entry.error is not None:
            raise entry.error
        return cast("T", entry.result)

    def _lead(self) -> None:
        """Write what waits, and let whoever came meanwhile lead next."""
        self._leader = threading.get_ident()
        entries = self._written()
        self._leader = None
        with self._lock:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0].awake.set()
        for entry in entries:
            entry.ended = True
            entry.awake.set()

    def _written(self) -> "list[_Entry]":
        entries: list[_Entry] = []
        try:
            with self._write() as tx:
                # Only now: while the database was waited for, more may have come.
                entries = self._take()
                self._write_each(tx, entries)
        except BaseException as error:
            entries = entries or self._take()
            for entry in entries:
                entry.error = entry.error or error
        return entries

    def _write_each(self, tx: sa.Connection, entries: "list[_Entry]") -> None:
        if len(entries) == 1:
            entries[0].result = entries[0].fn(tx)
            return
        for entry in entries:
            try:
                with self._alone(tx):
                    entry.result = entry.fn(tx)
            except Exception as error:
                if self._lost(error):
                    raise
                entry.error = error

    def _take(self) -> "list[_Entry]":
        with self._lock:
            entries, self._waiting = self._waiting, []
        return entries


class _Entry:
    """One thread's write and what became of it."""

    def __init__(self, fn: Callable[[sa.Connection], Any]) -> None:
        self.fn = fn
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = False
        self.awake = threading.Event()
        """Set when it has ended, or is to lead."""
