"""Queries about holds, and about the runs that do not wait, or go on, as the holds want by now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from services.scheduler.domain.holds import ALL_TENANTS, Hold
from services.scheduler.domain.states import Intent
from services.scheduler.schema import hold, run

_COLUMNS = [hold.c[field.name] for field in fields(Hold)]
_OVER = sa.select(*_COLUMNS).where(hold.c.tenant.in_(sa.bindparam("tenants", expanding=True)))
_OPEN = run.c.ended_us.is_(None)
_GOES_ON = sa.and_(run.c.hold_id.is_(None), _OPEN)


def insert(tx: Connection, new: Hold) -> None:
    """Stores a hold."""
    tx.execute(sa.insert(hold), [asdict(new)])


def find(tx: Connection, hold_id: str) -> Hold | None:
    """The hold of this id, whoever's; whoever asks decides whether the caller may know of it."""
    row = tx.execute(sa.select(*_COLUMNS).where(hold.c.hold_id == hold_id)).one_or_none()
    return _hold(row) if row is not None else None


def remove(tx: Connection, hold_id: str) -> bool:
    """Removes a hold; False where there is none of this id."""
    return tx.execute(sa.delete(hold).where(hold.c.hold_id == hold_id)).rowcount == 1


def count(tx: Connection, tenant: str) -> int:
    """How many holds there are over exactly this tenant, or over ALL_TENANTS."""
    return tx.execute(sa.select(sa.func.count()).select_from(hold).where(hold.c.tenant == tenant)).scalar_one()


def over(tx: Connection, tenants: Collection[str]) -> list[Hold]:
    """The holds over these tenants, those over ALL_TENANTS among them."""
    return [_hold(row) for row in tx.execute(_OVER, {"tenants": sorted({ALL_TENANTS, *tenants})})]


def page(tx: Connection, tenant: str | None, after: tuple[int, str] | None, limit: int) -> list[Hold]:
    """Holds over a tenant (None: over any), the oldest first, from the one after `after` on."""
    query = sa.select(*_COLUMNS).order_by(hold.c.placed_us, hold.c.hold_id).limit(limit)
    if tenant is not None:
        query = query.where(hold.c.tenant.in_([ALL_TENANTS, tenant]))
    if after is not None:
        query = query.where(sa.tuple_(hold.c.placed_us, hold.c.hold_id) > sa.tuple_(*map(sa.literal, after)))
    return [_hold(row) for row in tx.execute(query)]


def count_kept(tx: Connection, of: Hold) -> int:
    """How many runs a hold keeps; what else keeps them does not count."""
    kept = [
        getattr(run.c, name) == value
        for name, value in (("tenant", of.tenant), ("compute_resource", of.compute_resource), ("address", of.address))
        if value
    ]
    return tx.execute(
        sa.select(sa.func.count()).select_from(run).where(_OPEN, run.c.intent != Intent.CANCEL, *kept)
    ).scalar_one()


def unsettled_shards(tx: Connection) -> list[int]:
    """The shards with runs that wait for a hold that is gone, or do not wait for one there is."""
    return list(tx.execute(_UNSETTLED_SHARDS).scalars())


def unsettled(tx: Connection, shards: Sequence[int], limit: int) -> list[str]:
    """Process ids of such runs, of these shards."""
    query = sa.select(_UNSETTLED.c.process_id).where(_UNSETTLED.c.shard.in_(shards)).limit(limit)
    return list(tx.execute(query).scalars())


def _hold(row: Iterable[Any]) -> Hold:
    return Hold(*row)


def _of(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[str, int]]:
    return sa.select(run.c.process_id, run.c.shard).where(*conditions)


# One part for each kind of hold, so that each finds its runs by an index; most of the time there is no hold at all.
_UNSETTLED = sa.union(
    _of(run.c.hold_id.is_not(None), _OPEN, sa.not_(sa.exists().where(hold.c.hold_id == run.c.hold_id))),
    _of(_GOES_ON, run.c.tenant == hold.c.tenant, hold.c.compute_resource == "", hold.c.address == ""),
    _of(
        _GOES_ON,
        run.c.tenant == hold.c.tenant,
        run.c.compute_resource == hold.c.compute_resource,
        hold.c.compute_resource != "",
    ),
    _of(
        _GOES_ON,
        run.c.address == hold.c.address,
        hold.c.address != "",
        sa.or_(hold.c.tenant == ALL_TENANTS, hold.c.tenant == run.c.tenant),
    ),
).subquery()
_UNSETTLED_SHARDS = sa.select(_UNSETTLED.c.shard).distinct().order_by(_UNSETTLED.c.shard)
