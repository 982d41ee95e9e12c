"""What was stored by a version that published nothing: found at start, of all tenants."""

from sqlalchemy import ColumnElement, Table, exists, select

from services.chassis.db import Tx
from services.profile.domain.tenants import Tenant
from services.profile.domain.users import User
from services.profile.schema import metadata, tenant, user
from services.profile.storage import tenants as tenant_storage
from services.profile.storage import users as user_storage

_ENTITY = metadata.tables["entity"]


def tenants(tx: Tx, kind: int, limit: int) -> list[Tenant]:
    """The first `limit` tenants not published as entities of this kind."""
    query = select(tenant).where(~_published(kind, tenant, tenant.c.name)).order_by(tenant.c.name).limit(limit)
    return [tenant_storage.from_row(row) for row in tx.execute(query)]


def users(tx: Tx, kind: int, limit: int) -> list[tuple[str, User]]:
    """The first `limit` users not published as entities of this kind, each with its tenant."""
    query = select(user).where(~_published(kind, user, user.c.tenant)).order_by(user.c.tenant, user.c.name).limit(limit)
    return [(row.tenant, user_storage.from_row(row)) for row in tx.execute(query)]


def _published(kind: int, table: Table, of: ColumnElement[str]) -> ColumnElement[bool]:
    columns = _ENTITY.c
    return exists().where(columns.kind == kind, columns.tenant == of, columns.name == table.c.name)
