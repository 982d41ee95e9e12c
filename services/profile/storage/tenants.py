"""Tenants in the database. A tenant's name is its tenant."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.tenants import Tenant
from services.profile.schema import tenant as table


def insert(tx: Tx, tenant: Tenant) -> bool:
    """Store a new tenant; False where its name is taken."""
    return insert_ignore(tx, table, [asdict(tenant)]) == 1


def find(tx: Tx, name: str) -> Tenant | None:
    """The tenant of that name."""
    row = tx.execute(select(table).where(table.c.name == name)).first()
    return _tenant(row) if row else None


def page(tx: Tx, after: str, limit: int) -> list[Tenant]:
    """The first `limit` tenants whose names come after `after`, by name: for operators."""
    query = select(table).where(table.c.name > after).order_by(table.c.name).limit(limit)
    return [_tenant(row) for row in tx.execute(query)]


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(**row._asdict())
