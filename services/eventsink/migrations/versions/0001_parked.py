"""The table of messages set aside."""

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create it."""
    create_platform_tables("parked")


def downgrade() -> None:
    """Drop it."""
    drop_platform_tables("parked")
