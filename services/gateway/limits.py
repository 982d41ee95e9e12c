"""How often a caller may call: token buckets, for as many callers as there is room for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

_CALLERS = 10_000


class Buckets:
    """A bucket a caller, which holds `burst` calls and fills at `rate` a second. For one thread."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float], callers: int = _CALLERS) -> None:
        """The caller not heard of for the longest is forgotten when there are more than `callers`."""
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._callers = callers
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, caller: Hashable) -> bool:
        """Count a call; False, and nothing counted, where it is one too many."""
        now = self._clock()
        left = self._present(caller, now)
        if left < 1:
            return False
        self._left[caller] = left - 1, now
        self._left.move_to_end(caller)
        if len(self._left) > self._callers:
            self._left.popitem(last=False)
        return True

    def give_back(self, caller: Hashable) -> None:
        """Count a call no more that was counted before."""
        now = self._clock()
        if caller in self._left:
            self._left[caller] = min(self._burst, self._present(caller, now) + 1), now

    def _present(self, caller: Hashable, now: float) -> float:
        left, at = self._left.get(caller, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate)
