"""Queries on what is shared, and with whom."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from services.chassis.db import Tx
from services.experiment.domain.access import Permission, Principal, Share, Shared, SharedKind
from services.experiment.schema import share

_COLUMNS = (share.c.kind, share.c.name, share.c.principal, share.c.permission, share.c.granter, share.c.create_time)


def put(tx: Tx, tenant: str, row: Share, shared_time: int) -> None:
    """Add a share, in place of one with this principal. `shared_time`: an experiment's create time, 0 for a project."""
    remove(tx, tenant, row.shared, row.principal)
    values = {
        "tenant": tenant,
        "kind": row.shared.kind,
        "name": row.shared.name,
        "principal": row.principal.key,
        "permission": row.permission,
        "granter": row.granter,
        "create_time": row.create_time,
        "shared_time": shared_time,
    }
    tx.execute(sa.insert(share).values(values))


def remove(tx: Tx, tenant: str, shared: Shared, principal: Principal) -> None:
    """Take a share away, and those with former groups of that name."""
    tx.execute(sa.delete(share).where(*_with(tenant, shared, principal)))


def given(tx: Tx, tenant: str, shared: Shared, principal: Principal) -> Permission:
    """The highest permission given to this principal, or to a former group of that name."""
    highest = sa.func.coalesce(sa.func.max(share.c.permission), Permission.NONE.value)
    query = sa.select(highest).where(*_with(tenant, shared, principal))
    return Permission(tx.execute(query).scalar_one())


def page(tx: Tx, tenant: str, of: Collection[Shared], after: tuple[str, int], limit: int) -> list[Share]:
    """Up to `limit` shares of all these, by principal and kind, those after `after` (principal key, kind)."""
    key = (share.c.principal, share.c.kind)
    streams = [
        sa.select(*_COLUMNS)
        .where(*_of(tenant, each), share.c.principal >= after[0], sa.tuple_(*key) > sa.tuple_(*after))
        .order_by(*key)
        .limit(limit)
        .subquery()
        for each in of
    ]
    union = sa.union_all(*(sa.select(stream) for stream in streams)).subquery()
    return [_record(row) for row in tx.execute(sa.select(union).order_by(union.c.principal, union.c.kind).limit(limit))]


def of_principals(
    tx: Tx, tenant: str, wanted: Collection[Shared], principals: Collection[Principal]
) -> dict[Shared, list[Share]]:
    """What of these was given to any of the principals; what was not shared with them is left out."""
    keys = [each.key for each in principals]
    found: dict[Shared, list[Share]] = {}
    for kind in sorted({each.kind for each in wanted}):
        names = {each.name for each in wanted if each.kind is kind}
        query = sa.select(*_COLUMNS).where(
            share.c.tenant == tenant, share.c.kind == kind, share.c.name.in_(names), share.c.principal.in_(keys)
        )
        for row in tx.execute(query):
            found.setdefault(Shared(kind, row.name), []).append(_record(row))
    return found


def _of(tenant: str, shared: Shared) -> tuple[sa.ColumnElement[bool], ...]:
    return share.c.tenant == tenant, share.c.kind == shared.kind, share.c.name == shared.name


def _with(tenant: str, shared: Shared, principal: Principal) -> tuple[sa.ColumnElement[bool], ...]:
    # Not LIKE, which on SQLite takes "Lab" for "lab".
    same = sa.func.substr(share.c.principal, 1, len(principal.stem)) == principal.stem
    return *_of(tenant, shared), same if principal.group else share.c.principal == principal.key


def _record(row: Any) -> Share:
    return Share(
        shared=Shared(SharedKind(row.kind), row.name),
        principal=Principal(row.principal),
        permission=Permission(row.permission),
        granter=row.granter,
        create_time=row.create_time,
    )
