"""Which identity providers an operator vouches for. Of those there are nobody knows: an operator is to change them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("identity_provider", sa.Column("by_operator", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop the column: operators hold their role again, whatever provider lets them in."""
    op.drop_column("identity_provider", "by_operator")
