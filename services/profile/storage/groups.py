"""Groups in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, delete, select, update

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.groups import Group, MemberKind
from services.profile.schema import group as table
from services.profile.schema import group_member as members

_COLUMNS = [column for column in table.c if column is not table.c.tenant]


def insert(tx: Tx, tenant: str, group: Group) -> bool:
    """Store a new group of a stored tenant; False where the name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **asdict(group)}]) == 1


def replace(tx: Tx, tenant: str, group: Group) -> None:
    """Store a group as it is now, in place of the one of that name."""
    tx.execute(update(table).where(table.c.tenant == tenant, table.c.name == group.name).values(asdict(group)))


def remove(tx: Tx, tenant: str, name: str) -> None:
    """Delete a group without members."""
    tx.execute(delete(table).where(table.c.tenant == tenant, table.c.name == name))


def find(tx: Tx, tenant: str, name: str) -> Group | None:
    """The group of that name."""
    row = tx.execute(select(*_COLUMNS).where(table.c.tenant == tenant, table.c.name == name)).first()
    return _group(row) if row else None


def page(tx: Tx, tenant: str, user: str, after: str, limit: int) -> list[Group]:
    """The first `limit` groups whose names come after `after`, by name; where a user is given, only those it is in."""
    query = select(*_COLUMNS).where(table.c.tenant == tenant, table.c.name > after)
    if user:
        query = query.where(table.c.name.in_(_holders(tenant, user)))
    return [_group(row) for row in tx.execute(query.order_by(table.c.name).limit(limit))]


def _holders(tenant: str, user: str) -> Select[tuple[str]]:
    """All groups that a user is in, directly or through another."""
    direct = select(members.c.group_name).where(
        members.c.tenant == tenant, members.c.kind == MemberKind.USER, members.c.member == user
    )
    found = direct.cte("holder", recursive=True)
    further = select(members.c.group_name).where(
        members.c.tenant == tenant, members.c.kind == MemberKind.GROUP, members.c.member == found.c.group_name
    )
    return select(found.union(further).c.group_name)


def _group(row: Row[Any]) -> Group:
    return Group(**row._asdict())
