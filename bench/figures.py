"""What is measured: figures with a stable name, a unit and, where one is promised, a goal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure is to keep."""

    bound: float
    at_least: bool = False
    """Whether the figure is to be at least, and not at most, the bound."""

    def holds(self, value: float) -> bool:
        """Whether a value keeps it."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        """`≤ 2000` or `≥ 3`."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Peer:
    """How something else, measured in the same run, does the same."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. Names are stable: progress is followed by them."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    peer: Peer | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is kept; None without one."""
        return None if self.goal is None else self.goal.holds(self.value)

    @property
    def ratio(self) -> float | None:
        """The value over the peer's; None without one."""
        return None if self.peer is None else self.value / self.peer.value


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of the values do not exceed; of few values the 99th is the largest."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
