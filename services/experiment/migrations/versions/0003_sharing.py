"""What is shared and with whom, and revisions of projects. What was there belongs to its owners, as before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table, the column and what lists of visible things are read by."""
    op.add_column("project", sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"))
    op.create_index("ix_project_owner_name", "project", ["tenant", "owner", "name"])
    op.create_index("ix_experiment_owner_newest", "experiment", ["tenant", "owner", "create_time", "experiment_id"])
    op.create_table(
        "share",
        sa.Column("tenant", sa.String(100), primary_key=True),
        sa.Column("kind", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("principal", sa.String(200), primary_key=True),
        sa.Column("permission", sa.Integer, nullable=False),
        sa.Column("granter", sa.String(200), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("shared_time", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_share_principal_newest", "share", ["tenant", "principal", "kind", "shared_time", "name"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("share")
    op.drop_index("ix_experiment_owner_newest", "experiment")
    op.drop_index("ix_project_owner_name", "project")
    op.drop_column("project", "revision")
