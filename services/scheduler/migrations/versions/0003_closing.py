"""Which attempts were opened only to end what an earlier one has left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of attempts under way none is known to be one."""
    op.add_column("task", sa.Column("closing", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drops it."""
    op.drop_column("task", "closing")
