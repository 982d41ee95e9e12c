"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import BIG_ID, create_platform_tables, drop_platform_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    create_platform_tables("request")
    op.create_table(
        "tenant",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_tenant"),
    )
    op.create_table(
        "user_account",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_user_account"),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_user_account_tenant"),
    )
    op.create_table(
        "credential",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("credential_id", sa.String(100), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("public_blob", sa.LargeBinary, nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("last_use_time_us", sa.BigInteger, nullable=True),
        sa.Column("master_key_id", sa.String(16), nullable=False),
        sa.Column("wrapped_data_key", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "credential_id", name="pk_credential"),
        sa.UniqueConstraint("tenant", "name", name="uq_credential_name"),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_credential_tenant"),
    )
    op.create_table(
        "credential_use",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("credential_id", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("caller", sa.String(63), nullable=False),
        sa.Column("process_id", sa.String(100), nullable=False),
        sa.Column("host", sa.String(300), nullable=False),
        sa.Column("login", sa.String(100), nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_credential_use"),
        sa.ForeignKeyConstraint(
            ["tenant", "credential_id"],
            ["credential.tenant", "credential.credential_id"],
            name="fk_credential_use_credential",
        ),
    )
    op.create_index("ix_credential_use_credential", "credential_use", ["tenant", "credential_id", "id"])


def downgrade() -> None:
    """Drop all tables."""
    for table in ("credential_use", "credential", "user_account", "tenant"):
        op.drop_table(table)
    drop_platform_tables("request")
