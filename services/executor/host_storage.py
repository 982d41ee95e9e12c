"""Queries about hosts in trouble, and about the claims that wait for them. Hosts are no tenant's.

Several executors write a host: every write of one names the version it was read at.
"""

from collections.abc import Collection
from dataclasses import asdict, fields, replace

import sqlalchemy as sa

from services.chassis.db import Tx, insert_new
from services.executor import storage
from services.executor.domain.breaker import Breaker
from services.executor.domain.claims import Claim
from services.executor.schema import BARRED, UNWELL
from services.executor.schema import claim as claims
from services.executor.schema import host as table

_COLUMNS = [table.c[field.name] for field in fields(Breaker)]
_ALL = sa.select(*_COLUMNS)
_UNWELL = _ALL.where(UNWELL)
_HOSTS_TOLD = sa.select(claims.c.host).where(BARRED).distinct()


def find(tx: Tx, host: str) -> Breaker:
    """Return a host's breaker; a closed one where the host was never in trouble."""
    row = tx.execute(_ALL.where(table.c.host == host)).mappings().one_or_none()
    return Breaker(host) if row is None else Breaker(**row)


def unwell(tx: Tx) -> dict[str, Breaker]:
    """Return the hosts that are slow or do not answer."""
    return {row["host"]: Breaker(**row) for row in tx.execute(_UNWELL).mappings()}


def page(tx: Tx, after: str, limit: int) -> list[Breaker]:
    """Return hosts that were in trouble once, by name, from behind `after`."""
    query = _ALL.where(table.c.host > after).order_by(table.c.host).limit(limit)
    return [Breaker(**row) for row in tx.execute(query).mappings()]


def put(tx: Tx, before: Breaker, after: Breaker) -> Breaker | None:
    """Write a breaker that still is as it was read; return how it is now, None where it is not."""
    written = replace(after, version=before.version + 1)
    if before.version:
        same = (table.c.host == before.host, table.c.version == before.version)
        done = tx.execute(sa.update(table).where(*same).values(**asdict(written))).rowcount == 1
    else:
        done = bool(insert_new(tx, table, [asdict(written)]))
    return written if done else None


def hosts_told(tx: Tx) -> set[str]:
    """Return the hosts of which waiting claims were told that nobody begins there."""
    return set(tx.execute(_HOSTS_TOLD).scalars())


def told(tx: Tx, host: str, limit: int) -> list[Claim]:
    """Return waiting claims that were told so of a host, locked; those another looks at are left out."""
    query = storage.SELECT.where(BARRED, claims.c.host == host).limit(limit)
    return storage.claims(tx, query.with_for_update(skip_locked=True))


def accounts(tx: Tx, host: str, limit: int) -> list[Claim]:
    """Return one claim of each of some accounts that wait for a host that does not answer."""
    first = sa.select(sa.func.min(claims.c.process_id)).where(BARRED, claims.c.host == host).group_by(claims.c.account)
    query = storage.SELECT.where(BARRED, claims.c.host == host, claims.c.process_id.in_(first.limit(limit)))
    found = storage.claims(tx, query)
    return list({claim.account: claim for claim in found}.values())


def due(tx: Tx, hosts: Collection[str], now_us: int, limit: int) -> list[Claim]:
    """Return claims due at these hosts: not told yet, or at the end of their budgets. Locked; those another looks at
    are left out.
    """
    found: list[Claim] = []
    for line in storage.lines(tx, now_us, 1):
        if line.due and line.queue.host in hosts and len(found) < limit:
            found += storage.waiting(tx, line.queue, now_us, limit - len(found))
    return found
