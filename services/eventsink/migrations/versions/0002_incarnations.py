"""Which incarnation of each topic this service has read so far."""

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    create_platform_tables("incarnation")


def downgrade() -> None:
    """Drop it."""
    drop_platform_tables("incarnation")
