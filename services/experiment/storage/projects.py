"""Queries on projects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from services.chassis.db import Tx, insert_ignore
from services.chassis.fitting import Page, cut, stored_bytes
from services.experiment.domain.access import SharedKind, Visibility
from services.experiment.domain.records import Project
from services.experiment.schema import project, share

_MOST_STREAMS = 32
_COLUMNS = tuple(project.c[name] for name in Project.__dataclass_fields__)


def insert(tx: Tx, tenant: str, row: Project) -> bool:
    """Add a project; False where its name is taken."""
    values = {name: getattr(row, name) for name in Project.__dataclass_fields__}
    return insert_ignore(tx, project, [{"tenant": tenant, **values}]) == 1


def find(tx: Tx, tenant: str, name: str, *, lock: bool = False) -> Project | None:
    """The project of that name; with `lock` no other transaction changes it before this one ends."""
    query = sa.select(*_COLUMNS).where(project.c.tenant == tenant, project.c.name == name)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return Project(**row._mapping) if row else None


def update(tx: Tx, tenant: str, row: Project) -> None:
    """Write what can change of a project that was read under its lock."""
    tx.execute(
        sa.update(project)
        .where(project.c.tenant == tenant, project.c.name == row.name)
        .values(description=row.description, owner=row.owner, revision=row.revision)
    )


def owners(tx: Tx, tenant: str, names: Collection[str]) -> dict[str, str]:
    """The owners of these projects, by the projects' names."""
    query = sa.select(project.c.name, project.c.owner).where(project.c.tenant == tenant, project.c.name.in_(names))
    return {row.name: row.owner for row in tx.execute(query)}


def page(tx: Tx, tenant: str, seen: Visibility, after: str, limit: int) -> Page[Project]:
    """A page of the projects that may be seen, by name, those after the name `after`."""
    sized = sa.select(project.c.name, stored_bytes(project.c.description).label("size"))
    sized = sized.where(project.c.tenant == tenant, project.c.name > after)
    if not seen.everything:
        sized = sized.where(project.c.name.in_(_visible(tenant, seen, after, limit + 1)))
    rows = tx.execute(sized.order_by(project.c.name).limit(limit + 1)).all()
    found = cut([row.name for row in rows], [row.size for row in rows], limit)
    query = sa.select(*_COLUMNS).where(project.c.tenant == tenant, project.c.name.in_(found.items))
    return Page([Project(**row._mapping) for row in tx.execute(query.order_by(project.c.name))], found.more)


def _visible(tenant: str, seen: Visibility, after: str, limit: int) -> sa.Select[tuple[str]]:
    """The names of the first `limit` of them; each way to see one is a stream that is one index read in order."""
    mine = (project.c.tenant == tenant, project.c.owner == seen.user)
    own = sa.select(project.c.name).where(*mine, project.c.name > after)
    ways = [own.order_by(project.c.name).limit(limit)]
    for some in _bundles([each.key for each in seen.principals]):
        theirs = (share.c.tenant == tenant, share.c.principal.in_(some), share.c.kind == SharedKind.PROJECT)
        given = sa.select(share.c.name).where(*theirs, share.c.shared_time == 0, share.c.name > after)
        ways.append(given.order_by(share.c.name).limit(limit))
    every = sa.union(*(sa.select(way.subquery()) for way in ways)).subquery()
    return sa.select(every.c.name).order_by(every.c.name).limit(limit)


def _bundles(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The keys, one to a stream where they are not too many."""
    size = -(-len(keys) // _MOST_STREAMS) or 1
    return (keys[start : start + size] for start in range(0, len(keys), size))
