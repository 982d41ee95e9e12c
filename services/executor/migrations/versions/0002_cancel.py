"""The wish that an attempt be ended."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; no claim there is to be ended."""
    op.add_column("claim", sa.Column("cancel", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("claim", sa.Column("cancel_reason", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them; wishes not fulfilled yet are forgotten, and so are those that wait for a dispatch."""
    op.execute("DELETE FROM claim WHERE cancel AND state = 1 AND length(dispatch) = 0")
    op.drop_column("claim", "cancel_reason")
    op.drop_column("claim", "cancel")
