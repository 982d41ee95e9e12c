"""Which pools take no more claims for now. Pure."""

from collections.abc import Collection, Mapping

from services.executor.domain.queues import Pool


def full(waiting: Mapping[Pool, int], closed: Collection[Pool], capacity: int) -> frozenset[Pool]:
    """Return the pools to be closed: those where more than `capacity` claims wait, and of those that are `closed` those
    where more than three quarters of it still do, lest a pool be closed and opened all the time.
    """
    enough = capacity * 3 // 4
    return frozenset(pool for pool, count in waiting.items() if count > (enough if pool in closed else capacity))
