"""What people want of processes: pause, resume, cancel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table and columns; whatever is under way is to go on."""
    op.create_table(
        "intent",
        sa.Column("process_id", sa.String(100), nullable=False),
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("intent", sa.SmallInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("process_id", name="pk_intent"),
    )
    op.add_column("run", sa.Column("intent", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("run", sa.Column("intent_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("run", sa.Column("intent_reason", sa.Text, nullable=False, server_default=""))
    op.add_column("task", sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()))
    where = sa.text("held")
    op.create_index("ix_task_held", "task", ["process_id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drops them; intents are forgotten."""
    op.drop_index("ix_task_held", "task")
    op.drop_column("task", "held")
    for column in ("intent_reason", "intent_seq", "intent"):
        op.drop_column("run", column)
    op.drop_table("intent")
