"""Time in: threads that do what is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from services.chassis import log
from services.chassis.errors import Unavailable

_LEAST_PAUSE = 0.005
_OUTAGE_PAUSE = 1.0
_STOP_SEEN = 1.0

_log = log.get("timers")


class Timer:
    """Calls `work` again and again: after as many seconds as it returns, or sooner when woken.

    An outage of the database is waited out.
    """

    def __init__(self, name: str, work: Callable[[], float]) -> None:
        self._name, self._work = name, work
        self._woken = threading.Event()

    def wake(self) -> None:
        """Has the work called now. From any thread."""
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Works until told to stop."""
        while not stop.is_set():
            self._woken.clear()
            try:
                pause = self._work()
            except Unavailable as error:
                _log.warning("timer waits", timer=self._name, reason=error.message)
                pause = _OUTAGE_PAUSE
            if pause > 0:
                self._rest(stop, pause)

    def _rest(self, stop: threading.Event, seconds: float) -> None:
        # Times are kept to the microsecond, threads are not: never spin towards one.
        until = time.monotonic() + max(seconds, _LEAST_PAUSE)
        while (left := until - time.monotonic()) > 0 and not stop.is_set():
            if self._woken.wait(min(left, _STOP_SEEN)):
                return
