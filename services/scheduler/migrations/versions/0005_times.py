"""Since when a task waits for what it waits for, and when its first attempt was opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ADDED = ("opened_us", "since_us")


def upgrade() -> None:
    """Adds the columns; of tasks under way neither is known."""
    for name in _ADDED:
        op.add_column("task", sa.Column(name, sa.BigInteger, nullable=True))


def downgrade() -> None:
    """Drops them."""
    for name in reversed(_ADDED):
        op.drop_column("task", name)
