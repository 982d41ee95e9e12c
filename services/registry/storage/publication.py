"""What the service asks of all tenants at its start."""

from sqlalchemy import select, union

from services.chassis.db import Tx
from services.registry import schema

_TABLES = (schema.compute_resource, schema.storage_resource, schema.application_module)


def tenants(tx: Tx) -> list[str]:
    """The tenants that have a resource or an application, in order."""
    return sorted(tx.execute(union(*(select(table.c.tenant) for table in _TABLES))).scalars())
