"""Which messages about processes services have parked, and what runs tell of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table and the columns; what was parked before pauses nothing."""
    op.create_table(
        "parking",
        sa.Column("process_id", sa.String(100), nullable=False),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("topic", sa.String(200), nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("consumer", sa.String(200), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("process_id", "service", "topic", "partition", "offset", "consumer", name="pk_parking"),
    )
    op.add_column("run", sa.Column("parked_reason", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("run", sa.Column("parked_since_us", sa.BigInteger, nullable=True))


def downgrade() -> None:
    """Drops them; what waits for a parked message waits until it is touched again."""
    op.drop_column("run", "parked_since_us")
    op.drop_column("run", "parked_reason")
    op.drop_table("parking")
