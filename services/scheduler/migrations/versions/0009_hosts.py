"""How well hosts answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_UNWELL = sa.text("health != 1")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "host_health",
        sa.Column("host", sa.String(300), nullable=False),
        sa.Column("health", sa.SmallInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_host_health"),
    )
    op.create_index("ix_host_health_unwell", "host_health", ["host"], sqlite_where=_UNWELL, postgresql_where=_UNWELL)


def downgrade() -> None:
    """Drops it."""
    op.drop_index("ix_host_health_unwell", "host_health")
    op.drop_table("host_health")
