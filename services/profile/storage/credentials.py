"""Credentials in the database, and the audit of their use."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.credentials import Action, Credential, SealedKey, Use
from services.profile.schema import credential as table
from services.profile.schema import credential_use as uses

_SEALED = (table.c.master_key_id, table.c.wrapped_data_key, table.c.ciphertext)
_PUBLIC = [column for column in table.c if column not in (table.c.tenant, *_SEALED)]


@dataclass(frozen=True)
class Filters:
    """Which lines of the audit are wanted."""

    owner: str | None
    """Of this user's credentials; None for everybody's."""
    credential_id: str
    """Of this credential; "" for all."""


def insert_sealed(tx: Tx, tenant: str, credential: Credential, sealed: SealedKey) -> bool:
    """Store a new credential of a stored tenant; False where its name is taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **asdict(credential), **asdict(sealed)}]) == 1


def find(tx: Tx, tenant: str, id_or_name: str) -> Credential | None:
    """The public half of the credential of that id, or of that name."""
    named = (table.c.credential_id == id_or_name) | (table.c.name == id_or_name)
    row = tx.execute(select(*_PUBLIC).where(table.c.tenant == tenant, named)).first()
    return _credential(row) if row else None


def find_sealed(tx: Tx, tenant: str, credential_id: str) -> tuple[Credential, SealedKey] | None:
    """The credential of that id with its sealed key."""
    here = (table.c.tenant == tenant, table.c.credential_id == credential_id)
    row = tx.execute(select(*_PUBLIC, *_SEALED).where(*here)).first()
    if row is None:
        return None
    return _credential(row), SealedKey(row.master_key_id, row.wrapped_data_key, row.ciphertext)


def page(tx: Tx, tenant: str, after: str, limit: int) -> list[Credential]:
    """The public halves of the first `limit` credentials whose ids come after `after`, by id."""
    later = (table.c.tenant == tenant, table.c.credential_id > after)
    query = select(*_PUBLIC).where(*later).order_by(table.c.credential_id).limit(limit)
    return [_credential(row) for row in tx.execute(query)]


def record(tx: Tx, tenant: str, use: Use) -> None:
    """Add a line to the audit."""
    tx.execute(insert(uses).values(tenant=tenant, **asdict(use)))


def uses_page(tx: Tx, tenant: str, filters: Filters, before: int | None, limit: int) -> list[tuple[int, Use]]:
    """The last `limit` lines of the audit before a number, None for the end, with their numbers; the latest first."""
    wanted = [uses.c.tenant == tenant]
    if filters.owner is not None:
        wanted.append(uses.c.owner == filters.owner)
    if filters.credential_id:
        wanted.append(uses.c.credential_id == filters.credential_id)
    if before is not None:
        wanted.append(uses.c.id < before)
    rows = tx.execute(select(uses).where(*wanted).order_by(uses.c.id.desc()).limit(limit))
    return [(row.id, _use(row)) for row in rows]


def mark_used(tx: Tx, tenant: str, credential_id: str, time_us: int) -> bool:
    """Note when a credential last signed; False where there is none any more."""
    here = (table.c.tenant == tenant, table.c.credential_id == credential_id)
    return tx.execute(update(table).where(*here).values(last_use_time_us=time_us)).rowcount == 1


def remove(tx: Tx, tenant: str, credential_id: str) -> bool:
    """Destroy a credential; False where it was gone already."""
    here = (table.c.tenant == tenant, table.c.credential_id == credential_id)
    return tx.execute(delete(table).where(*here)).rowcount == 1


def sealed_with(tx: Tx, master_key_id: str) -> list[tuple[str, Credential]]:
    """The credentials, of all tenants, that are sealed with a master key, with their tenants: where it is lost."""
    query = select(table.c.tenant, *_PUBLIC).where(table.c.master_key_id == master_key_id)
    return [(row.tenant, _credential(row)) for row in tx.execute(query)]


def _use(row: Row[Any]) -> Use:
    stored = row._asdict()
    del stored["id"], stored["tenant"]
    return Use(**{**stored, "action": Action(row.action)})


def _credential(row: Row[Any]) -> Credential:
    return Credential(**{column.name: row._mapping[column] for column in _PUBLIC})
