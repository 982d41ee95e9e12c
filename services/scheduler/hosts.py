"""Queries about how well hosts answer, as executors told last. Hosts are no tenant's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy import Connection

from services.chassis.db import insert_ignore
from services.scheduler.domain.model import HostTold
from services.scheduler.schema import UNWELL, host_health

_NEWER = (
    sa.update(host_health)
    .where(host_health.c.host == sa.bindparam("at_host"), host_health.c.seq < sa.bindparam("seq"))
    .values(health=sa.bindparam("health"), seq=sa.bindparam("seq"))
)
_UNWELL = sa.select(host_health.c.host).where(UNWELL)


def keep(tx: Connection, told: Collection[HostTold]) -> int:
    """Keeps of each host what was told with the highest number; copies and what comes late change nothing. Returns how
    many did.
    """
    # In one order everywhere: two schedulers wait for one another and never deadlock.
    rows = [asdict(each) for each in sorted(told, key=lambda each: (each.host, each.seq))]
    if not rows:
        return 0
    new = insert_ignore(tx, host_health, rows)
    newer = [{"at_host": row["host"], "health": row["health"], "seq": row["seq"]} for row in rows]
    return new + tx.execute(_NEWER, newer).rowcount


def slow_hosts(tx: Connection) -> frozenset[str]:
    """The hosts (address:port) at which everything takes long, or nothing gets on: those that do not answer too."""
    return frozenset(tx.execute(_UNWELL).scalars())
