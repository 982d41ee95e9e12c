"""How long an attempt that waits for something outside waits, and when it gives up. Pure."""

from dataclasses import dataclass
from random import Random

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """1, 2, 4, … seconds with jitter, at most `longest_seconds`."""

    first_seconds: float = 1.0
    longest_seconds: float = 30.0

    def seconds(self, tries: int, random: Random) -> float:
        """Return the wait after the `tries`-th try in a row (from 1): half of it fixed, half drawn."""
        whole = min(self.longest_seconds, self.first_seconds * 2.0 ** min(max(tries, 1) - 1, 30))
        return whole / 2 + random.random() * whole / 2


def give_up_at(blocked_since_us: int, budget_us: int) -> int:
    """Return when the budget of an attempt that has been blocked since then is spent."""
    return blocked_since_us + budget_us


def next_try(now_us: int, wait_seconds: float, give_up_us: int) -> int:
    """Return the time of the next try: never past the end of the budget, where the last one is made."""
    return min(now_us + int(wait_seconds * SECOND), max(give_up_us, now_us))


def spoken(budget_us: int) -> str:
    """Return a budget in words, e.g. "15 min"."""
    seconds = budget_us / SECOND
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
