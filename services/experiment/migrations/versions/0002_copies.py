"""Copies of other services' entities, and messages set aside."""

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0002"
down_revision = "0001"

_PLATFORM = ("entity", "parked")


def upgrade() -> None:
    """Create them."""
    create_platform_tables(*_PLATFORM)


def downgrade() -> None:
    """Drop them; copies fill again by themselves."""
    drop_platform_tables(*_PLATFORM)
