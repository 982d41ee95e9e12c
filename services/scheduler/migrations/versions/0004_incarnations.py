"""Which incarnation of each topic this service has read and written so far."""

from services.chassis.schema import (
    create_platform_tables,
    drop_platform_tables,
    index_outbox_by_key,
    unindex_outbox_by_key,
)

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table, and find messages by their key."""
    create_platform_tables("incarnation")
    index_outbox_by_key()


def downgrade() -> None:
    """Drop both."""
    unindex_outbox_by_key()
    drop_platform_tables("incarnation")
