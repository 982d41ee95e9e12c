"""Who keeps time for which processes: 32 shards, each leased when something in it is due.

A shard is taken in the transaction that does the work, so nobody works under a lease that has run out; and as long as
nothing is due nothing is written. The holder of a shard that dies is followed by another within the lease's time.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from services.chassis.ids import new_id
from services.chassis.leases import Leases

LEASE_SECONDS = 5.0


class Shards:
    """The leases on shards, as this scheduler sees them."""

    def __init__(self, leases: Leases, *, alone: bool) -> None:
        """`alone`: no other scheduler can be at work on this database, so a predecessor's leases are its own."""
        self._leases = leases
        self._holder = "scheduler" if alone else new_id("scheduler")

    def take(self, tx: Connection, wanted: Iterable[int]) -> list[int]:
        """Takes or renews the shards that no other scheduler holds; in one order, so that takers never deadlock."""
        return [
            shard
            for shard in sorted(wanted)
            if self._leases.acquire(tx, f"shard-{shard:02}", self._holder, LEASE_SECONDS) is not None
        ]
