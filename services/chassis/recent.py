"""A bounded memory of what was found out lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values that are good until a time of their own; the one not asked for the longest makes room. From any thread."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """Keep `most` values; `clock` gives seconds on the scale of `put`'s `until`."""
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, while it is good."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if self._clock() >= found[0]:
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: K, value: V, until: float) -> None:
        """Keep `value` until then."""
        with self._lock:
            self._kept[key] = until, value
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, key: K) -> None:
        """Keep nothing for `key`."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        """How many are kept, good or not."""
        return len(self._kept)
