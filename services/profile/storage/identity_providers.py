"""Identity providers in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.identity_providers import IdentityProvider
from services.profile.schema import account_link as links
from services.profile.schema import identity_provider as table


def insert(tx: Tx, tenant: str, provider: IdentityProvider) -> bool:
    """Store a new provider of a stored tenant; False where its name, or its issuer and audience, are taken."""
    return insert_ignore(tx, table, [{"tenant": tenant, **_values(provider)}]) == 1


def find(tx: Tx, tenant: str, name: str) -> IdentityProvider | None:
    """The provider of that name."""
    row = tx.execute(select(table).where(*_here(tenant, name))).first()
    return _provider(row) if row else None


def lock(tx: Tx, tenant: str, name: str) -> IdentityProvider | None:
    """The provider of that name, kept as it is until the transaction ends."""
    row = tx.execute(select(table).where(*_here(tenant, name)).with_for_update()).first()
    return _provider(row) if row else None


def issued_by(tx: Tx, issuer: str, audiences: Sequence[str]) -> list[tuple[str, IdentityProvider]]:
    """The providers of an issuer for these audiences with their tenants, of all: a token does not say whose it is."""
    said = (table.c.issuer == issuer, table.c.audience.in_(audiences))
    return [(row.tenant, _provider(row)) for row in tx.execute(select(table).where(*said))]


def count(tx: Tx, tenant: str) -> int:
    """How many providers a tenant has."""
    return tx.execute(select(func.count()).select_from(table).where(table.c.tenant == tenant)).scalar_one()


def page(tx: Tx, tenant: str, after: str, limit: int) -> list[IdentityProvider]:
    """The first `limit` providers whose names come after `after`, by name."""
    query = select(table).where(table.c.tenant == tenant, table.c.name > after).order_by(table.c.name).limit(limit)
    return [_provider(row) for row in tx.execute(query)]


def replace(tx: Tx, tenant: str, provider: IdentityProvider) -> None:
    """Store a provider as it is now, in place of the one of that name."""
    tx.execute(update(table).where(*_here(tenant, provider.name)).values(_values(provider)))


def remove(tx: Tx, tenant: str, name: str) -> None:
    """Forget a provider and whom it knows."""
    tx.execute(delete(links).where(links.c.tenant == tenant, links.c.provider == name))
    tx.execute(delete(table).where(*_here(tenant, name)))


def _here(tenant: str, name: str) -> tuple[Any, Any]:
    return table.c.tenant == tenant, table.c.name == name


def _values(provider: IdentityProvider) -> dict[str, Any]:
    return {**asdict(provider), "algorithms": " ".join(provider.algorithms)}


def _provider(row: Row[Any]) -> IdentityProvider:
    stored = row._asdict()
    del stored["tenant"]
    return IdentityProvider(**{**stored, "algorithms": tuple(row.algorithms.split())})
