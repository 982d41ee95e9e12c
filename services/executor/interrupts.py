"""How a worker learns that its attempt is to be ended, and how that cuts off what it does on a host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from services.chassis import log

_log = log.get(__name__)


class Interrupted(Exception):  # noqa: N818 - nothing is wrong: somebody wanted it
    """The work at hand was cut off, because its attempt is to be ended."""


class Interrupt:
    """The wish that the work at hand be ended, told from another thread; once told it holds."""

    def __init__(self) -> None:
        """Nobody wishes that yet."""
        self._lock = threading.Lock()
        self._told = False
        self._cuts: list[Callable[[], None]] = []

    def tell(self) -> None:
        """Say it, and have what is under way cut off. From any thread, and at once: the cuts, which a host that does
        not answer can hold up, are made on a thread of their own.
        """
        with self._lock:
            cuts = [] if self._told else list(self._cuts)
            self._told = True
        if cuts:
            threading.Thread(target=self._make, args=(cuts,), name="cut", daemon=True).start()

    @property
    def told(self) -> bool:
        """Whether it was said."""
        return self._told

    def check(self) -> None:
        """Raise Interrupted where it was said."""
        if self._told:
            raise Interrupted

    @contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """Have `cut` called when it is said during the block, which may end before; Interrupted where it was said
        before.
        """
        with self._lock:
            self.check()
            self._cuts.append(cut)
        try:
            yield
        finally:
            with self._lock:
                self._cuts.remove(cut)

    def _make(self, cuts: Sequence[Callable[[], None]]) -> None:
        for cut in cuts:
            with self._lock:
                needed = cut in self._cuts
            if needed:
                _try(cut)


def _try(cut: Callable[[], None]) -> None:
    try:
        cut()
    except Exception:
        _log.exception("what is to be ended was not cut off cleanly")
