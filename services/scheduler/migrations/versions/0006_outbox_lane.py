"""The lane each message takes."""

from services.chassis.schema import add_outbox_lane, drop_outbox_lane

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; what waits there is in the fast lane."""
    add_outbox_lane()


def downgrade() -> None:
    """Drop it."""
    drop_outbox_lane()
