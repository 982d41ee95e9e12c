"""Gives seats to claims, from several threads: the domain's Seats under a lock, and who waits for one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.queues import Line, Pool, Queue
from services.executor.domain.seats import Seats, Sizes, allot

Taken = Counter[Queue]
"""Seats taken for claims that have not begun yet, by queue."""


class Seating:
    """Newcomers may begin at once while it is open, where nobody waits who comes before them."""

    def __init__(self, sizes: Sizes) -> None:
        """It is closed, and all seats are free."""
        self._lock = threading.Lock()
        self._seats = Seats(sizes)
        self._behind: set[Pool | tuple[Pool, str]] = set()
        self.open = False

    @contextmanager
    def taking(self) -> Iterator[Taken]:
        """Take seats; those still in what is yielded at the end of the block are given back."""
        taken = Taken()
        try:
            yield taken
        finally:
            self.leave(taken.elements())

    def leave(self, queues: Iterable[Queue]) -> bool:
        """Give seats back; return whether somebody waits for one."""
        with self._lock:
            for queue in queues:
                self._seats.leave(queue)
            return bool(self._behind)

    def move(self, queue: Queue, to: Queue) -> bool:
        """Exchange a seat for one in another pool, where that has one."""
        with self._lock:
            return self._seats.move(queue, to)

    def newcomers(self, taken: Taken, claims: Sequence[Claim], barred: Collection[str]) -> list[Claim]:
        """Return those of new claims that may begin at once."""
        with self._lock:
            return [claim for claim in claims if self.open and claim.host not in barred and self._new(taken, claim)]

    def orphans(self, taken: Taken, claims: Sequence[Claim]) -> list[Claim]:
        """Return those of claims whose holder is gone that found a seat."""
        with self._lock:
            seated = [claim for claim in claims if self._seats.take(claim.queue)]
        taken.update(claim.queue for claim in seated)
        return seated

    def allot(self, taken: Taken, lines: Sequence[Line], barred: Collection[str]) -> Counter[Queue]:
        """Return how many of each queue have a seat now; see domain.seats.allot."""
        with self._lock:
            allotted = allot(self._seats, lines, barred)
            left = [line.queue for line in lines if line.due > allotted[line.queue]]
            self._behind = set()
            for queue in left:
                self._wait(queue)
        taken.update(allotted)
        return allotted

    def _new(self, taken: Taken, claim: Claim) -> bool:
        queue = claim.queue
        if claim.state != ClaimState.ACCEPTED or claim.cancel:
            return False
        if queue.pool not in self._behind and (queue.pool, queue.host) not in self._behind and self._seats.take(queue):
            taken[queue] += 1
            return True
        self._wait(queue)
        return False

    def _wait(self, queue: Queue) -> None:
        """Have newcomers of the host, and of the pool where it is full, wait behind one of the queue."""
        self._behind.add((queue.pool, queue.host))
        if not self._seats.free(queue.pool):
            self._behind.add(queue.pool)
