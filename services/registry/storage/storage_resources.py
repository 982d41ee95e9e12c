"""Storage resources in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy import update as update_table

from services.chassis.db import Tx, insert_ignore
from services.chassis.fitting import Page
from services.registry.domain.storage_resources import StorageResource, StorageType
from services.registry.schema import storage_resource as table
from services.registry.storage.pages import names_page


def insert(tx: Tx, tenant: str, resource: StorageResource) -> bool:
    """Store a new place; False where its name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **asdict(resource)}]) == 1


def find(tx: Tx, tenant: str, name: str, *, lock: bool = False) -> StorageResource | None:
    """The place of that name; with `lock` nobody else changes it before the transaction ends."""
    query = select(table).where(table.c.tenant == tenant, table.c.name == name)
    row = tx.execute(query.with_for_update() if lock else query).first()
    return _resource(row) if row else None


def page(tx: Tx, tenant: str, after: str, limit: int) -> Page[StorageResource]:
    """A page of the places whose names come after `after`, by name."""
    found = names_page(tx, table, tenant, after, limit)
    query = select(table).where(table.c.tenant == tenant, table.c.name.in_(found.items)).order_by(table.c.name)
    return Page([_resource(row) for row in tx.execute(query)], found.more)


def update(tx: Tx, tenant: str, resource: StorageResource) -> None:
    """Put a place where the one of its name was."""
    same = (table.c.tenant == tenant, table.c.name == resource.name)
    tx.execute(update_table(table).where(*same).values(asdict(resource)))


def remove(tx: Tx, tenant: str, name: str) -> None:
    """Remove a place."""
    tx.execute(delete(table).where(table.c.tenant == tenant, table.c.name == name))


def _resource(row: Row[Any]) -> StorageResource:
    stored = row._asdict()
    del stored["tenant"]
    stored["type"] = StorageType(stored["type"])
    return StorageResource(**stored)
