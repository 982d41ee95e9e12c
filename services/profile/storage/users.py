"""Users in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, update

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.users import ADMIN, OPERATOR, ROLES, User
from services.profile.schema import tenant as tenants
from services.profile.schema import user as table


def insert(tx: Tx, tenant: str, user: User) -> bool:
    """Store a new user of a stored tenant; False where the name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **_values(user)}]) == 1


def replace(tx: Tx, tenant: str, user: User) -> None:
    """Store a user as it is now, in place of the one of that name."""
    here = (table.c.tenant == tenant, table.c.name == user.name)
    tx.execute(update(table).where(*here).values(_values(user)))


def find(tx: Tx, tenant: str, name: str) -> User | None:
    """The user of that name."""
    row = tx.execute(select(table).where(table.c.tenant == tenant, table.c.name == name)).first()
    return from_row(row) if row else None


def lock(tx: Tx, tenant: str, name: str) -> User | None:
    """The user of that name, kept for this transaction: what is counted of a user's own holds under it."""
    here = (table.c.tenant == tenant, table.c.name == name)
    row = tx.execute(select(table).where(*here).with_for_update(key_share=True)).first()
    return from_row(row) if row else None


def page(tx: Tx, tenant: str, after: str, limit: int) -> list[User]:
    """The first `limit` users whose names come after `after`, by name."""
    query = select(table).where(table.c.tenant == tenant, table.c.name > after).order_by(table.c.name).limit(limit)
    return [from_row(row) for row in tx.execute(query)]


def another_administers(tx: Tx, tenant: str, name: str) -> bool:
    """Whether somebody else than the user of that name can log in as the tenant's administrator."""
    able = (table.c[ADMIN].is_(True), table.c.disabled.is_(False))
    others = (table.c.tenant == tenant, table.c.name != name, *able)
    return tx.execute(select(table.c.name).where(*others).limit(1)).first() is not None


def another_operates(tx: Tx, tenant: str, name: str | None) -> bool:
    """Whether an operator can log in who is neither the user of that name nor, for None, of that tenant."""
    other = table.c.tenant != tenant if name is None else (table.c.tenant != tenant) | (table.c.name != name)
    able = (table.c[OPERATOR].is_(True), table.c.disabled.is_(False), tenants.c.disabled.is_(False))
    query = select(table.c.name).join(tenants, tenants.c.name == table.c.tenant).where(other, *able).limit(1)
    return tx.execute(query).first() is not None


def _values(user: User) -> dict[str, Any]:
    values = asdict(user)
    held = values.pop("roles")
    return {**values, **{role: role in held for role in ROLES}}


def from_row(row: Row[Any]) -> User:
    """The user in a row of its table."""
    stored = row._asdict()
    del stored["tenant"]
    held = {role: stored.pop(role) for role in ROLES}
    return User(**stored, roles=frozenset(role for role in ROLES if held[role]))
