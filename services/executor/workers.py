"""The threads that work on claims, as many for each type of task as there are seats for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from services.chassis.failpoints import failpoint
from services.executor.claims import Verdict
from services.executor.domain.claims import Claim
from services.executor.domain.queues import Lane
from services.executor.domain.seats import Sizes
from services.executor.domain.troubles import Condition, Waiting
from services.executor.interrupts import Interrupt
from services.executor.roster import Turn
from services.executor.seating import Seating

FAST_SECONDS = 5.0
"""What takes longer than this belongs to the slow lane."""

Work = Callable[[Claim, Interrupt], tuple[Claim, Verdict]]
"""Works on a claim to its verdict, whatever goes wrong; returns the claim as it was last written, too."""
Ended = tuple[Turn, Claim, Verdict]


class Workers:
    """Works, and gives the seat back as soon as the work is done: its verdict may be written later."""

    def __init__(
        self, work: Work, types: Iterable[int], sizes: Sizes, seating: Seating, on_ended: Callable[[bool], None]
    ) -> None:
        """`on_ended` is told, on the worker's thread, whether somebody waits for a seat."""
        self._work, self._seating, self._on_ended = work, seating, on_ended
        self._pools = {type_: ThreadPoolExecutor(sizes.fast + sizes.slow, f"task-{type_}") for type_ in types}
        self._lock = threading.Lock()
        self._closed = False
        self._ended: deque[Ended] = deque()
        self.on_worked: Callable[[Claim, float, bool], None] = lambda _claim, _seconds, _reached: None
        """Told of each turn: at which claim, how many seconds it took, and whether nothing speaks against its host."""

    def __contains__(self, type_: int) -> bool:
        """Whether there are workers for a type of task."""
        return type_ in self._pools

    def start(self, turn: Turn) -> None:
        """Have a worker take the turn; one that begins after the end is left for another, as its lease runs out."""
        if not self._closed:
            self._pools[turn.claim.type].submit(self._take, turn)

    def ended(self) -> list[Ended]:
        """Return the turns that have ended since the last call, and how they went."""
        return [self._ended.popleft() for _ in range(len(self._ended))]

    def again(self, ended: Iterable[Ended]) -> None:
        """Have these returned by the next call."""
        self._ended.extend(ended)

    def slow_down(self, turns: Iterable[Turn]) -> list[Turn]:
        """Count those that take long to the slow lane, where that has seats for them; return them."""
        with self._lock:
            return [turn for turn in turns if turn.lasts >= FAST_SECONDS and self._moved(turn)]

    @staticmethod
    def seconds_to_slow(turns: Iterable[Turn], most: float) -> float:
        """Return the seconds until one of the turns comes to take long; not more than `most`."""
        return min(most, min((left for turn in turns if (left := FAST_SECONDS - turn.lasts) > 0), default=most))

    def close(self) -> None:
        """Start nothing any more."""
        self._closed = True
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, turn: Turn) -> None:
        failpoint("executor.begun")
        claim, verdict = self._work(turn.claim, turn.interrupt)
        failpoint("executor.worked")
        self._ended.append((turn, claim, verdict))
        self._leave(turn)
        # A login that is refused is trouble of one account: the host has answered.
        lost = isinstance(verdict, Waiting) and verdict.condition is Condition.HOST_UNREACHABLE
        self.on_worked(turn.claim, turn.lasts, not lost)

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            turn.over = True
            awaited = self._seating.leave([turn.queue])
        self._on_ended(awaited)

    def _moved(self, turn: Turn) -> bool:
        slow = turn.queue._replace(lane=Lane.SLOW)
        if turn.over or turn.queue == slow or not self._seating.move(turn.queue, slow):
            return False
        turn.queue = slow
        return True
