"""Compute resources in the database."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy import update as update_table

from services.chassis.db import Tx, insert_ignore
from services.chassis.fitting import Page
from services.registry.domain.compute_resources import BatchQueue, ComputeResource, JobManager, LoginPreference
from services.registry.domain.limits import Limits
from services.registry.schema import compute_resource as table
from services.registry.storage.pages import names_page


def insert(tx: Tx, tenant: str, resource: ComputeResource) -> bool:
    """Store a new host; False where its name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **asdict(resource)}]) == 1


def find(tx: Tx, tenant: str, name: str, *, lock: bool = False) -> ComputeResource | None:
    """The host of that name; with `lock` nobody else changes it, or comes to name it, before the transaction ends."""
    query = select(table).where(table.c.tenant == tenant, table.c.name == name)
    row = tx.execute(query.with_for_update() if lock else query).first()
    return _resource(row) if row else None


def named(tx: Tx, tenant: str, names: Collection[str]) -> dict[str, ComputeResource]:
    """Those of the hosts that there are, by name; they stay as they are until the transaction ends."""
    # In one order for all, so that no two transactions wait for each other.
    query = select(table).where(table.c.tenant == tenant, table.c.name.in_(names)).order_by(table.c.name)
    return {row.name: _resource(row) for row in tx.execute(query.with_for_update(read=True, key_share=True))}


def page(tx: Tx, tenant: str, after: str, limit: int) -> Page[ComputeResource]:
    """A page of the hosts whose names come after `after`, by name."""
    found = names_page(tx, table, tenant, after, limit)
    query = select(table).where(table.c.tenant == tenant, table.c.name.in_(found.items)).order_by(table.c.name)
    return Page([_resource(row) for row in tx.execute(query)], found.more)


def update(tx: Tx, tenant: str, resource: ComputeResource) -> None:
    """Put a host in the place of the one of its name."""
    same = (table.c.tenant == tenant, table.c.name == resource.name)
    tx.execute(update_table(table).where(*same).values(asdict(resource)))


def remove(tx: Tx, tenant: str, name: str) -> None:
    """Remove a host that nothing refers to."""
    tx.execute(delete(table).where(table.c.tenant == tenant, table.c.name == name))


def _resource(row: Row[Any]) -> ComputeResource:
    stored = row._asdict()
    del stored["tenant"]
    stored["host_keys"] = tuple(stored["host_keys"])
    stored["job_manager"] = JobManager(stored["job_manager"])
    stored["batch_queues"] = tuple(
        BatchQueue(**queue | {"limits": Limits(**queue["limits"])}) for queue in stored["batch_queues"]
    )
    stored["login_preferences"] = tuple(LoginPreference(**one) for one in stored["login_preferences"] or ())
    return ComputeResource(**stored)
