"""Who may work: the seats of the pools, how many of them one host may hold, and whose turn it is. Pure."""

import heapq
from collections import Counter, deque
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

from services.executor.domain.queues import Lane, Line, Pool, Queue

_PART_OF_A_HOST = 4
"""One host holds at most this part of a pool, so that it cannot take all workers with it when it hangs."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many work at once: in the fast and in the slow pool of each type of task, and at one host in all pools."""

    fast: int = 64
    slow: int = 16
    host: int = 64

    def of(self, lane: int) -> int:
        """The seats of each pool of a lane."""
        return self.slow if lane == Lane.SLOW else self.fast


class Seats:
    """Seats taken and free. Not for several threads at once."""

    def __init__(self, sizes: Sizes) -> None:
        """All are free."""
        self._sizes = sizes
        self._taken = Counter[Hashable]()

    def free(self, pool: Pool) -> bool:
        """Whether the pool has a seat, for hosts that may have it."""
        return self._taken[pool] < self._sizes.of(pool.lane)

    def open_to(self, queue: Queue) -> bool:
        """Whether one of the queue may work now."""
        pool, host = queue.pool, queue.host
        share = max(1, self._sizes.of(pool.lane) // _PART_OF_A_HOST)
        return self.free(pool) and self._taken[pool, host] < share and self._taken[host] < self._sizes.host

    def take(self, queue: Queue) -> bool:
        """Take a seat for one of the queue, where it may have one."""
        if not self.open_to(queue):
            return False
        for each in self._counted(queue):
            self._taken[each] += 1
        return True

    def leave(self, queue: Queue) -> None:
        """Give a seat back."""
        for each in self._counted(queue):
            self._taken[each] -= 1
            if not self._taken[each]:
                del self._taken[each]

    def move(self, queue: Queue, to: Queue) -> bool:
        """Exchange a seat for one in another pool, where that has one."""
        self.leave(queue)
        moved = self.take(to)
        if not moved:
            self.take(queue)
        return moved

    def of_tenant(self, pool: Pool, tenant: str) -> int:
        """How many seats of a pool a tenant has."""
        return self._taken[pool, "", tenant]

    @staticmethod
    def _counted(queue: Queue) -> tuple[Hashable, ...]:
        pool = queue.pool
        return pool, (pool, queue.host), (pool, "", queue.tenant), queue.host


def allot(seats: Seats, lines: Iterable[Line], barred: Collection[str]) -> Counter[Queue]:
    """Take the free seats for those who wait, and return how many of each queue have one.

    Seat by seat it is the tenant's turn that has fewest in the pool; of its queues each in turn, the one that has
    waited longest first. Hosts that are barred, or have their share, are passed over.
    """
    pools: dict[Pool, dict[str, deque[Line]]] = {}
    for line in sorted(lines, key=lambda line: line.first_us):
        if line.due and line.queue.host not in barred:
            pools.setdefault(line.queue.pool, {}).setdefault(line.queue.tenant, deque()).append(line)
    allotted = Counter[Queue]()
    for pool, tenants in pools.items():
        _allot_pool(seats, pool, tenants, allotted)
    return allotted


def _allot_pool(seats: Seats, pool: Pool, tenants: dict[str, deque[Line]], allotted: Counter[Queue]) -> None:
    turns = [(seats.of_tenant(pool, tenant), lines[0].first_us, tenant) for tenant, lines in tenants.items()]
    heapq.heapify(turns)
    while turns and seats.free(pool):
        _, first_us, tenant = heapq.heappop(turns)
        lines = tenants[tenant]
        line = lines.popleft()
        if seats.take(line.queue):
            allotted[line.queue] += 1
            if allotted[line.queue] < line.due:
                lines.append(line)
        if lines:
            heapq.heappush(turns, (seats.of_tenant(pool, tenant), first_us, tenant))
