"""Compute resources in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select

from services.chassis.db import Tx, insert_ignore
from services.registry.domain.compute_resources import BatchQueue, ComputeResource, JobManager
from services.registry.schema import compute_resource as table


def insert(tx: Tx, tenant: str, resource: ComputeResource) -> bool:
    """Store a new host; False where its name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **asdict(resource)}]) == 1


def find(tx: Tx, tenant: str, name: str) -> ComputeResource | None:
    """The host of that name."""
    row = tx.execute(select(table).where(table.c.tenant == tenant, table.c.name == name)).first()
    return _resource(row) if row else None


def page(tx: Tx, tenant: str, after: str, limit: int) -> list[ComputeResource]:
    """The first `limit` hosts whose names come after `after`, by name."""
    query = select(table).where(table.c.tenant == tenant, table.c.name > after).order_by(table.c.name).limit(limit)
    return [_resource(row) for row in tx.execute(query)]


def _resource(row: Row[Any]) -> ComputeResource:
    stored = row._asdict()
    del stored["tenant"]
    stored["host_keys"] = tuple(stored["host_keys"])
    stored["job_manager"] = JobManager(stored["job_manager"])
    stored["batch_queues"] = tuple(BatchQueue(**queue) for queue in stored["batch_queues"])
    return ComputeResource(**stored)
