"""Queries on the files a tenant has in the store."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from services.chassis.db import Tx, insert_ignore
from services.experiment.schema import file

# Databases bound the parameters of a statement, SQLite at 32,766.
_AT_ONCE = 10_000


def put(tx: Tx, tenant: str, sha256: str, size: int, *, owner: str, create_time: int) -> None:
    """Record that the tenant has this file; a second time changes nothing."""
    row = {"tenant": tenant, "sha256": sha256, "size": size, "owner": owner, "create_time": create_time}
    insert_ignore(tx, file, [row])


def sizes(tx: Tx, tenant: str, digests: Collection[str]) -> dict[str, int]:
    """The sizes in bytes of those of the files the tenant has, by digest."""
    wanted = list(digests)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        query = sa.select(file.c.sha256, file.c.size).where(file.c.tenant == tenant, file.c.sha256.in_(some))
        found.update((row.sha256, row.size) for row in tx.execute(query))
    return found
