"""The hosts that were in trouble, and which claims were told that nobody begins at theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BARRED = sa.text("state = 1 AND barred")
_UNWELL = sa.text("health != 1")


def upgrade() -> None:
    """Add the table and the column."""
    op.create_table(
        "host",
        sa.Column("host", sa.String(300), primary_key=True),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("health", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition", sa.String(50), nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("next_probe_us", sa.BigInteger, nullable=False),
        sa.Column("probes", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_host_unwell", "host", ["host"], sqlite_where=_UNWELL, postgresql_where=_UNWELL)
    op.add_column("claim", sa.Column("barred", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_claim_barred", "claim", ["host"], sqlite_where=_BARRED, postgresql_where=_BARRED)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_claim_barred", "claim")
    op.drop_column("claim", "barred")
    op.drop_index("ix_host_unwell", "host")
    op.drop_table("host")
