"""Queries on projects."""

from __future__ import annotations

import sqlalchemy as sa

from services.chassis.db import Tx, insert_ignore
from services.experiment.domain.records import Project
from services.experiment.schema import project

_COLUMNS = (project.c.name, project.c.description, project.c.owner, project.c.create_time)


def insert(tx: Tx, tenant: str, row: Project) -> bool:
    """Add a project; False where its name is taken."""
    values = {
        "tenant": tenant,
        "name": row.name,
        "description": row.description,
        "owner": row.owner,
        "create_time": row.create_time,
    }
    return insert_ignore(tx, project, [values]) == 1


def find(tx: Tx, tenant: str, name: str) -> Project | None:
    """The project of that name."""
    query = sa.select(*_COLUMNS).where(project.c.tenant == tenant, project.c.name == name)
    row = tx.execute(query).one_or_none()
    return Project(**row._mapping) if row else None


def page(tx: Tx, tenant: str, after: str, limit: int) -> list[Project]:
    """Up to `limit` projects by name, those after the name `after`."""
    query = (
        sa.select(*_COLUMNS)
        .where(project.c.tenant == tenant, project.c.name > after)
        .order_by(project.c.name)
        .limit(limit)
    )
    return [Project(**row._mapping) for row in tx.execute(query)]
