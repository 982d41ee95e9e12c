"""Group resource profiles in the database: each with its grants, which are rows that refer to their hosts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy import update as update_table

from services.chassis.db import Tx, insert_ignore
from services.chassis.fitting import Page, stored_bytes
from services.registry.domain.group_resource_profiles import GroupResourceProfile, ResourceGrant
from services.registry.domain.limits import Limits
from services.registry.schema import group_resource_profile as table
from services.registry.schema import resource_grant as grants
from services.registry.storage.pages import names_page


class Naming(NamedTuple):
    """A profile that names a host."""

    profile: str
    batch_queues: tuple[str, ...]
    """The queues one of its grants names."""


def store(tx: Tx, tenant: str, profile: GroupResourceProfile) -> bool:
    """Store a new profile; False where its name is taken."""
    if not insert_ignore(tx, table, [_row(tenant, profile)]):
        return False
    _store_grants(tx, tenant, profile)
    return True


def find(tx: Tx, tenant: str, name: str, *, lock: bool = False) -> GroupResourceProfile | None:
    """The profile of that name; with `lock` nobody else changes it before the transaction ends."""
    query = select(table).where(table.c.tenant == tenant, table.c.name == name)
    found = _whole(tx, tenant, tx.execute(query.with_for_update() if lock else query).all())
    return found[0] if found else None


def page(tx: Tx, tenant: str, after: str, limit: int) -> Page[GroupResourceProfile]:
    """A page of the profiles whose names come after `after`, by name."""
    of_grants = select(func.sum(stored_bytes(*grants.c)))
    its = (grants.c.tenant == table.c.tenant, grants.c.profile == table.c.name)
    found = names_page(tx, table, tenant, after, limit, of_grants.where(*its).scalar_subquery())
    query = select(table).where(table.c.tenant == tenant, table.c.name.in_(found.items)).order_by(table.c.name)
    return Page(_whole(tx, tenant, tx.execute(query).all()), found.more)


def update(tx: Tx, tenant: str, profile: GroupResourceProfile) -> None:
    """Put a profile in the place of the one of its name."""
    same = (table.c.tenant == tenant, table.c.name == profile.name)
    tx.execute(update_table(table).where(*same).values(_row(tenant, profile)))
    _remove_grants(tx, tenant, profile.name)
    _store_grants(tx, tenant, profile)


def remove(tx: Tx, tenant: str, name: str) -> None:
    """Remove a profile."""
    _remove_grants(tx, tenant, name)
    tx.execute(delete(table).where(table.c.tenant == tenant, table.c.name == name))


def naming(tx: Tx, tenant: str, compute_resource: str) -> list[Naming]:
    """Every grant on the host, by profile."""
    query = (
        select(grants.c.profile, grants.c.batch_queues)
        .where(grants.c.tenant == tenant, grants.c.compute_resource == compute_resource)
        .order_by(grants.c.profile, grants.c.position)
    )
    return [Naming(row.profile, tuple(row.batch_queues)) for row in tx.execute(query)]


def _row(tenant: str, profile: GroupResourceProfile) -> dict[str, Any]:
    row = {"tenant": tenant, **asdict(profile)}
    del row["grants"]
    return row


def _store_grants(tx: Tx, tenant: str, profile: GroupResourceProfile) -> None:
    rows = [
        {"tenant": tenant, "profile": profile.name, "position": position, **asdict(grant)}
        for position, grant in enumerate(profile.grants)
    ]
    tx.execute(insert(grants), rows)


def _remove_grants(tx: Tx, tenant: str, name: str) -> None:
    tx.execute(delete(grants).where(grants.c.tenant == tenant, grants.c.profile == name))


def _whole(tx: Tx, tenant: str, rows: Sequence[Row[Any]]) -> list[GroupResourceProfile]:
    of: dict[str, list[ResourceGrant]] = defaultdict(list)
    query = select(grants).where(grants.c.tenant == tenant, grants.c.profile.in_([row.name for row in rows]))
    for grant in tx.execute(query.order_by(grants.c.profile, grants.c.position)):
        of[grant.profile].append(_grant(grant))
    return [
        GroupResourceProfile(
            name=row.name,
            groups=tuple(row.groups),
            grants=tuple(of[row.name]),
            description=row.description,
            create_time_us=row.create_time_us,
            revision=row.revision,
        )
        for row in rows
    ]


def _grant(row: Row[Any]) -> ResourceGrant:
    return ResourceGrant(row.compute_resource, tuple(row.batch_queues), tuple(row.allocations), Limits(**row.limits))
