"""Application deployments in the database."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Table, delete, func, select, tuple_
from sqlalchemy import update as update_table

from services.chassis.db import Tx, insert_ignore
from services.chassis.fitting import stored_bytes
from services.registry.domain.deployments import Deployment, Parallelism, Variable
from services.registry.domain.job_resources import JobResources
from services.registry.schema import application_deployment as table

_WORD_LISTS = ("arguments", "module_loads")
_COMMANDS = ("pre_job_commands", "post_job_commands")


class Placed(NamedTuple):
    """A module that is deployed on a host."""

    name: str
    version: str
    batch_queue: str
    """The queue its jobs go to by default, "" for none."""


def insert(tx: Tx, tenant: str, name: str, version: str, deployment: Deployment) -> bool:
    """Store a module's deployment; False where it has one on that compute resource."""
    row = {"tenant": tenant, "name": name, "version": version, **asdict(deployment)}
    return insert_ignore(tx, table, [row]) == 1


def find(
    tx: Tx, tenant: str, name: str, version: str, compute_resource: str, *, lock: bool = False
) -> Deployment | None:
    """A module's deployment on that host; with `lock` nobody else changes it before the transaction ends."""
    query = select(table).where(*_same(tenant, name, version, compute_resource))
    row = tx.execute(query.with_for_update() if lock else query).first()
    return _deployment(row) if row else None


def update(tx: Tx, tenant: str, name: str, version: str, deployment: Deployment) -> None:
    """Put a deployment in the place of the module's one on its host."""
    same = _same(tenant, name, version, deployment.compute_resource)
    tx.execute(update_table(table).where(*same).values(asdict(deployment)))


def remove(tx: Tx, tenant: str, name: str, version: str, compute_resource: str) -> None:
    """Remove a module's deployment on that host."""
    tx.execute(delete(table).where(*_same(tenant, name, version, compute_resource)))


def placed(tx: Tx, tenant: str, compute_resource: str) -> list[Placed]:
    """What is deployed on the host, by name and version."""
    query = (
        select(table.c.name, table.c.version, table.c.default_resources)
        .where(table.c.tenant == tenant, table.c.compute_resource == compute_resource)
        .order_by(table.c.name, table.c.version)
    )
    return [
        Placed(row.name, row.version, (row.default_resources or {}).get("batch_queue", "")) for row in tx.execute(query)
    ]


def of_modules(tx: Tx, tenant: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Deployment]]:
    """The deployments of each (name, version), by compute resource."""
    found: dict[tuple[str, str], list[Deployment]] = defaultdict(list)
    key = tuple_(table.c.name, table.c.version)
    query = select(table).where(table.c.tenant == tenant, key.in_(keys)).order_by(table.c.compute_resource)
    for row in tx.execute(query):
        found[row.name, row.version].append(_deployment(row))
    return found


def bytes_of(modules: Table) -> ColumnElement[int]:
    """What the deployments of a row of `modules` take, as a column beside it."""
    its = (table.c.tenant == modules.c.tenant, table.c.name == modules.c.name, table.c.version == modules.c.version)
    return func.coalesce(select(func.sum(stored_bytes(*table.c))).where(*its).scalar_subquery(), 0)


def _same(tenant: str, name: str, version: str, compute_resource: str) -> tuple[ColumnElement[bool], ...]:
    columns = table.c
    return (
        columns.tenant == tenant,
        columns.name == name,
        columns.version == version,
        columns.compute_resource == compute_resource,
    )


def _deployment(row: Row[Any]) -> Deployment:
    stored = row._asdict()
    for column in ("tenant", "name", "version"):
        del stored[column]
    for column in _WORD_LISTS:
        stored[column] = tuple(stored[column])
    for column in _COMMANDS:
        stored[column] = tuple(tuple(words) for words in stored[column])
    stored["environment"] = tuple(Variable(**variable) for variable in stored["environment"])
    stored["parallelism"] = Parallelism(stored["parallelism"])
    stored["launcher"] = tuple(stored["launcher"] or ())
    stored["default_resources"] = JobResources(**stored["default_resources"] or {})
    return Deployment(**stored)
