"""Who is in which group, in the database."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, delete, func, select, tuple_

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.groups import Member, MemberKind
from services.profile.schema import group_member as table

_MOST_NAMES = 500
"""Names in one query."""


def insert(tx: Tx, tenant: str, member: Member) -> None:
    """Store a new membership in a stored group; nothing where there is one."""
    row = {
        "tenant": tenant,
        "group_name": member.group,
        "kind": member.kind,
        "member": member.name,
        "create_time_us": member.create_time_us,
    }
    insert_ignore(tx, table, [row])


def remove(tx: Tx, tenant: str, member: Member) -> None:
    """Delete a membership."""
    tx.execute(delete(table).where(*_here(tenant, member.group, member.kind, member.name)))


def about(tx: Tx, tenant: str, group: str, limit: int) -> list[Member]:
    """Up to `limit` of the memberships in a group, and of it in others."""
    either = (table.c.group_name == group) | _is(MemberKind.GROUP, group)
    return [_member(row) for row in tx.execute(select(table).where(table.c.tenant == tenant, either).limit(limit))]


def find(tx: Tx, tenant: str, group: str, kind: MemberKind, name: str) -> Member | None:
    """The membership of a user or group in a group."""
    row = tx.execute(select(table).where(*_here(tenant, group, kind, name))).first()
    return _member(row) if row else None


def count(tx: Tx, tenant: str, group: str) -> int:
    """How many are directly in a group."""
    here = (table.c.tenant == tenant, table.c.group_name == group)
    return tx.execute(select(func.count()).select_from(table).where(*here)).scalar_one()


def page(tx: Tx, tenant: str, group: str, after: tuple[str, str], limit: int) -> list[Member]:
    """The first `limit` members whose kinds and names come after `after`, by both."""
    position = tuple_(table.c.kind, table.c.member)
    query = select(table).where(table.c.tenant == tenant, table.c.group_name == group, position > tuple_(*after))
    return [_member(row) for row in tx.execute(query.order_by(table.c.kind, table.c.member).limit(limit))]


def holders(tx: Tx, tenant: str, groups: frozenset[str]) -> frozenset[str]:
    """The groups that hold one of these groups directly."""
    return _related(tx, tenant, table.c.group_name, table.c.member, groups)


def held(tx: Tx, tenant: str, groups: frozenset[str]) -> frozenset[str]:
    """The groups that one of these groups holds directly."""
    return _related(tx, tenant, table.c.member, table.c.group_name, groups)


def _related(tx: Tx, tenant: str, wanted: Column[str], known: Column[str], groups: Iterable[str]) -> frozenset[str]:
    names, found = sorted(groups), set[str]()
    for start in range(0, len(names), _MOST_NAMES):
        some = known.in_(names[start : start + _MOST_NAMES])
        query = select(wanted).where(table.c.tenant == tenant, table.c.kind == MemberKind.GROUP, some).distinct()
        found.update(tx.execute(query).scalars())
    return frozenset(found)


def _is(kind: MemberKind, name: str) -> ColumnElement[bool]:
    return (table.c.kind == kind) & (table.c.member == name)


def _here(tenant: str, group: str, kind: MemberKind, name: str) -> tuple[ColumnElement[bool], ...]:
    return (table.c.tenant == tenant, table.c.group_name == group, _is(kind, name))


def _member(row: Row[Any]) -> Member:
    return Member(row.group_name, MemberKind(row.kind), row.member, row.create_time_us)
