"""How a worker learns that its attempt is to be ended, and how that cuts off what it does on a host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
        """Say it, and cut off what is under way. From any thread."""
        with self._lock:
            cuts = [] if self._told else list(self._cuts)
            self._told = True
        for cut in cuts:
            cut()

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
        """Have `cut` called when it is said during the block; Interrupted where it was said before."""
        with self._lock:
            self.check()
            self._cuts.append(cut)
        try:
            yield
        finally:
            with self._lock:
                self._cuts.remove(cut)
