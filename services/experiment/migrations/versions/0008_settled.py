"""Which histories are proven whole, and when to look at the others again."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_COMPLETED, _FAILED, _CANCELED = 8, 9, 7


def upgrade() -> None:
    """Add the columns; the histories of processes that have ended are to be looked at."""
    op.add_column("process", sa.Column("settled_us", sa.BigInteger, nullable=True))
    op.add_column("process", sa.Column("check_us", sa.BigInteger, nullable=True))
    op.add_column("process", sa.Column("times_asked", sa.Integer, nullable=False, server_default="0"))
    unsettled = sa.text("check_us IS NOT NULL")
    op.create_index("ix_process_check", "process", ["check_us"], sqlite_where=unsettled, postgresql_where=unsettled)
    process = sa.table("process", sa.column("state"), sa.column("update_time"), sa.column("check_us"))
    ended = process.c.state.in_((_COMPLETED, _FAILED, _CANCELED))
    op.execute(sa.update(process).where(ended).values(check_us=process.c.update_time))


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_process_check", "process")
    for name in ("times_asked", "check_us", "settled_us"):
        op.drop_column("process", name)
