"""Which messages this service's processes died over, and what lets parked messages be unparked."""

from services.chassis.schema import count_deaths, uncount_deaths

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create it."""
    count_deaths()


def downgrade() -> None:
    """Drop it."""
    uncount_deaths()
