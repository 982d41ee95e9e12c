"""The event sink's tables: messages set aside."""

import sqlalchemy as sa

from services.chassis.schema import add_platform_tables

metadata = sa.MetaData()

PLATFORM_TABLES = ("parked", "incarnation", "reading", "attempted")
add_platform_tables(metadata, *PLATFORM_TABLES)
