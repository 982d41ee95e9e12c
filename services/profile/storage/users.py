"""Users in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.users import User
from services.profile.schema import user as table


def insert(tx: Tx, tenant: str, user: User) -> bool:
    """Store a new user of a stored tenant; False where the name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **asdict(user)}]) == 1


def find(tx: Tx, tenant: str, name: str) -> User | None:
    """The user of that name."""
    row = tx.execute(select(table).where(table.c.tenant == tenant, table.c.name == name)).first()
    return _user(row) if row else None


def page(tx: Tx, tenant: str, after: str, limit: int) -> list[User]:
    """The first `limit` users whose names come after `after`, by name."""
    query = select(table).where(table.c.tenant == tenant, table.c.name > after).order_by(table.c.name).limit(limit)
    return [_user(row) for row in tx.execute(query)]


def _user(row: Row[Any]) -> User:
    stored = row._asdict()
    del stored["tenant"]
    return User(**stored)
