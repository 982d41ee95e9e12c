"""How often, and how many at once, something may be done."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.chassis.errors import LimitExceeded
from services.chassis.tally import Tally

_MINUTE = 60.0


class Throttle:
    """At most so many at once for one tenant at one host, and at one host; and so many a minute for one tenant."""

    def __init__(
        self, *, at_once: int = 2, at_host: int = 8, a_minute: int = 30, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`at_once`: for one tenant at one host; `at_host`: for all of them there; `now` is a clock in seconds."""
        self._at_once, self._at_host, self._a_minute, self._now = at_once, at_host, a_minute, now
        self._lock = threading.Lock()
        self._turns: Tally[tuple[str, str]] = Tally()
        self._begun: dict[str, deque[float]] = {}

    @contextmanager
    def turn(self, tenant: str, host: str) -> Iterator[None]:
        """Do it in the block; LimitExceeded where that is too much."""
        with self._lock:
            self._admit(tenant, host)
        try:
            yield
        finally:
            with self._lock:
                self._turns.less((tenant, host))

    def _admit(self, tenant: str, host: str) -> None:
        now = self._now()
        for name in [name for name, times in self._begun.items() if times[-1] <= now - _MINUTE]:
            del self._begun[name]
        times = self._begun.get(tenant, deque())
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if self._turns[tenant, host] >= self._at_once:
            raise LimitExceeded(f"{host} is being checked {self._at_once} times at once already; try again in a while")
        if sum(count for (_, at), count in self._turns.items() if at == host) >= self._at_host:
            raise LimitExceeded(f"{host} is being checked for too many at once; try again in a while")
        if len(times) >= self._a_minute:
            raise LimitExceeded(f"{self._a_minute} checks a minute are the limit; try again in a while")
        times.append(now)
        self._begun[tenant] = times
        self._turns[tenant, host] += 1
