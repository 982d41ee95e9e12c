"""Identity providers, the users known to them, and the keys that sign access tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "identity_provider",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("issuer", sa.String(1000), nullable=False),
        sa.Column("audience", sa.String(300), nullable=False),
        sa.Column("jwks_uri", sa.String(1000), nullable=False),
        sa.Column("jwks", sa.Text, nullable=False),
        sa.Column("algorithms", sa.String(200), nullable=False),
        sa.Column("user_claim", sa.String(100), nullable=False),
        sa.Column("provision_users", sa.Boolean, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_identity_provider"),
        sa.UniqueConstraint("issuer", "audience", name="uq_identity_provider_issuer"),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_identity_provider_tenant"),
    )
    op.create_table(
        "account_link",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("provider", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_name", sa.String(63), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "provider", "subject", name="pk_account_link"),
        sa.UniqueConstraint("tenant", "provider", "user_name", name="uq_account_link_user"),
        sa.ForeignKeyConstraint(
            ["tenant", "provider"],
            ["identity_provider.tenant", "identity_provider.name"],
            name="fk_account_link_provider",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "user_name"], ["user_account.tenant", "user_account.name"], name="fk_account_link_user"
        ),
    )
    op.create_table(
        "signing_key",
        sa.Column("key_id", sa.String(100), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("start_time_us", sa.BigInteger, nullable=False),
        sa.Column("master_key_id", sa.String(16), nullable=False),
        sa.Column("wrapped_data_key", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_signing_key"),
        sa.UniqueConstraint("generation", name="uq_signing_key_generation"),
    )


def downgrade() -> None:
    """Drop the tables: users known by a provider alone must be given another way to log in."""
    for table in ("signing_key", "account_link", "identity_provider"):
        op.drop_table(table)
