"""Counts of what is under way, by whom."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

K = TypeVar("K")


class Tally(Counter[K]):
    """A counter that forgets whoever has nothing under way: callers come and go."""

    def less(self, key: K, by: int = 1) -> None:
        """Count `by` less for `key`."""
        self[key] -= by
        if not self[key]:
            del self[key]
