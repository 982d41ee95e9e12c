"""Tenants in the database. A tenant's name is its tenant."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, update

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.tenants import Tenant
from services.profile.schema import tenant as table


def insert(tx: Tx, tenant: Tenant) -> bool:
    """Store a new tenant; False where its name is taken."""
    return insert_ignore(tx, table, [asdict(tenant)]) == 1


def replace(tx: Tx, tenant: Tenant) -> None:
    """Store a tenant as it is now, in place of the one of that name."""
    tx.execute(update(table).where(table.c.name == tenant.name).values(asdict(tenant)))


def find(tx: Tx, name: str) -> Tenant | None:
    """The tenant of that name."""
    row = tx.execute(select(table).where(table.c.name == name)).first()
    return from_row(row) if row else None


def lock(tx: Tx, name: str) -> Tenant | None:
    """The tenant of that name, kept for this transaction: rules that look at several of its rows hold under it."""
    # Not the strongest lock: rows that refer to the tenant are written meanwhile.
    row = tx.execute(select(table).where(table.c.name == name).with_for_update(key_share=True)).first()
    return from_row(row) if row else None


def page(tx: Tx, after: str, limit: int) -> list[Tenant]:
    """The first `limit` tenants whose names come after `after`, by name: for operators."""
    query = select(table).where(table.c.name > after).order_by(table.c.name).limit(limit)
    return [from_row(row) for row in tx.execute(query)]


def from_row(row: Row[Any]) -> Tenant:
    """The tenant in a row of its table."""
    return Tenant(**row._asdict())
