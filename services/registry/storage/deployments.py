"""Application deployments in the database."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, tuple_

from services.chassis.db import Tx, insert_ignore
from services.registry.domain.deployments import Deployment, Variable
from services.registry.schema import application_deployment as table

_WORD_LISTS = ("arguments", "module_loads")
_COMMANDS = ("pre_job_commands", "post_job_commands")


def insert(tx: Tx, tenant: str, name: str, version: str, deployment: Deployment) -> bool:
    """Store a module's deployment; False where it has one on that compute resource."""
    row = {"tenant": tenant, "name": name, "version": version, **asdict(deployment)}
    return insert_ignore(tx, table, [row]) == 1


def of_modules(tx: Tx, tenant: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Deployment]]:
    """The deployments of each (name, version), by compute resource."""
    found: dict[tuple[str, str], list[Deployment]] = defaultdict(list)
    key = tuple_(table.c.name, table.c.version)
    query = select(table).where(table.c.tenant == tenant, key.in_(keys)).order_by(table.c.compute_resource)
    for row in tx.execute(query):
        found[row.name, row.version].append(_deployment(row))
    return found


def _deployment(row: Row[Any]) -> Deployment:
    stored = row._asdict()
    for column in ("tenant", "name", "version"):
        del stored[column]
    for column in _WORD_LISTS:
        stored[column] = tuple(stored[column])
    for column in _COMMANDS:
        stored[column] = tuple(tuple(words) for words in stored[column])
    stored["environment"] = tuple(Variable(**variable) for variable in stored["environment"])
    return Deployment(**stored)
