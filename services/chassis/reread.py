"""A file that others write: read again whenever it changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Content = TypeVar("Content")


class RereadFile:
    """Knows whether a file has changed since it was last read. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        """The file need not be there."""
        self._path = path
        self._stamp: tuple[int, int, int] | None = None

    def news(self, parse: Callable[[bytes], Content]) -> Content | None:
        """What `parse` makes of the file, where that has changed; None where it has not.

        Of a file caught half-written there is no news: its next change is read.
        """
        stamp = self._present_stamp()
        if stamp is None or stamp == self._stamp:
            return None
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OSError):
            content = parse(self._path.read_bytes())
            self._stamp = stamp
            return content
        return None

    def _present_stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
