"""All that is sealed with the master key, whatever table it is in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, select, update

from services.chassis.db import Tx
from services.profile.schema import metadata

_WRAPPED = "wrapped_data_key"
TABLES: tuple[Table, ...] = tuple(table for table in metadata.sorted_tables if _WRAPPED in table.c)
"""See the head of the schema."""


@dataclass(frozen=True)
class Wrapped:
    """A wrapped data key, and what it is bound to."""

    table: Table
    key: Mapping[str, str]
    """The columns of its primary key."""
    data_key: bytes

    @property
    def tenant(self) -> str:
        """The tenant it is bound to, "" for none."""
        return self.key.get("tenant", "")

    @property
    def sealed_id(self) -> str:
        """The id it is bound to."""
        (value,) = (value for name, value in self.key.items() if name != "tenant")
        return value


def master_key_ids(tx: Tx) -> set[str]:
    """Ids of the master keys in use, of all tenants: asked once, at start."""
    found: set[str] = set()
    for table in TABLES:
        found.update(tx.execute(select(table.c.master_key_id).distinct()).scalars())
    return found


def drop(tx: Tx, master_key_id: str) -> dict[str, int]:
    """Delete every row, of all tenants, that is sealed with a master key; tells how many of each table."""
    return {
        table.name: tx.execute(delete(table).where(table.c.master_key_id == master_key_id)).rowcount for table in TABLES
    }


def wrapped_by(tx: Tx, master_key_id: str) -> Iterator[Wrapped]:
    """Every data key, of all tenants, that a master key wraps: for the change of it."""
    for table in TABLES:
        names = [column.name for column in table.primary_key]
        columns: list[Any] = [*table.primary_key, table.c[_WRAPPED]]
        for row in tx.execute(select(*columns).where(table.c.master_key_id == master_key_id)).all():
            stored = row._asdict()
            yield Wrapped(table, {name: stored[name] for name in names}, stored[_WRAPPED])


def rewrap(tx: Tx, wrapped: Wrapped, master_key_id: str, data_key: bytes) -> None:
    """Put a data key, wrapped anew, in place of what it was."""
    here = [wrapped.table.c[name] == value for name, value in wrapped.key.items()]
    values = {"master_key_id": master_key_id, _WRAPPED: data_key}
    tx.execute(update(wrapped.table).where(*here).values(values))
