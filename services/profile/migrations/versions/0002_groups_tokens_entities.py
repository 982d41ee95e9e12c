"""Groups, API tokens, roles, revisions, entities to be copied, and an audit that outlives its credentials."""

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and columns; the first administrator gets the roles that the token of the first start has."""
    create_platform_tables("outbox", "lease", "entity")
    for table in ("tenant", "user_account"):
        op.add_column(table, sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()))
        op.add_column(table, sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"))
    for role in ("admin", "operator"):
        op.add_column("user_account", sa.Column(role, sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE user_account SET admin = true, operator = true WHERE tenant = 'default' AND name = 'admin'")
    _create_groups()
    _create_tokens()
    _free_audit()


def downgrade() -> None:
    """Take back what `upgrade` added; audit lines of deleted credentials are lost, as the first version knows none."""
    _bind_audit()
    for table in ("api_token_answer", "api_token", "group_member", "user_group"):
        op.drop_table(table)
    op.drop_column("user_account", "operator")
    op.drop_column("user_account", "admin")
    for table in ("user_account", "tenant"):
        op.drop_column(table, "revision")
        op.drop_column(table, "disabled")
    drop_platform_tables("outbox", "lease", "entity")


def _create_groups() -> None:
    op.create_table(
        "user_group",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_user_group"),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_user_group_tenant"),
    )
    op.create_table(
        "group_member",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("group_name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(5), nullable=False),
        sa.Column("member", sa.String(63), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "group_name", "kind", "member", name="pk_group_member"),
        sa.ForeignKeyConstraint(
            ["tenant", "group_name"], ["user_group.tenant", "user_group.name"], name="fk_group_member_group"
        ),
    )
    op.create_index("ix_group_member_member", "group_member", ["tenant", "kind", "member", "group_name"])


def _create_tokens() -> None:
    op.create_table(
        "api_token",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("token_id", sa.String(100), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("user_name", sa.String(63), nullable=False),
        sa.Column("scopes", sa.String(1000), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("expire_time_us", sa.BigInteger, nullable=False),
        sa.Column("revoke_time_us", sa.BigInteger, nullable=True),
        sa.Column("last_use_time_us", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "token_id", name="pk_api_token"),
        sa.UniqueConstraint("token_id", name="uq_api_token_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "user_name"], ["user_account.tenant", "user_account.name"], name="fk_api_token_user"
        ),
    )
    op.create_index("ix_api_token_user", "api_token", ["tenant", "user_name", "token_id"])
    op.create_table(
        "api_token_answer",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("token_id", sa.String(100), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("master_key_id", sa.String(16), nullable=False),
        sa.Column("wrapped_data_key", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "token_id", name="pk_api_token_answer"),
    )
    op.create_index("ix_api_token_answer_create_time", "api_token_answer", ["create_time_us"])


def _free_audit() -> None:
    op.add_column("credential_use", sa.Column("owner", sa.String(63), nullable=False, server_default=""))
    op.execute(
        "UPDATE credential_use SET owner = (SELECT credential.owner FROM credential"
        " WHERE credential.tenant = credential_use.tenant AND credential.credential_id = credential_use.credential_id)"
    )
    with op.batch_alter_table("credential_use") as audit:
        audit.drop_constraint("fk_credential_use_credential", type_="foreignkey")
        audit.alter_column("owner", existing_type=sa.String(63), existing_nullable=False, server_default=None)
    op.create_index("ix_credential_use_owner", "credential_use", ["tenant", "owner", "id"])
    op.create_index("ix_credential_use_tenant", "credential_use", ["tenant", "id"])


def _bind_audit() -> None:
    op.drop_index("ix_credential_use_tenant", "credential_use")
    op.drop_index("ix_credential_use_owner", "credential_use")
    op.execute(
        "DELETE FROM credential_use WHERE NOT EXISTS (SELECT 1 FROM credential"
        " WHERE credential.tenant = credential_use.tenant AND credential.credential_id = credential_use.credential_id)"
    )
    with op.batch_alter_table("credential_use") as audit:
        audit.drop_column("owner")
        audit.create_foreign_key(
            "fk_credential_use_credential",
            "credential",
            ["tenant", "credential_id"],
            ["tenant", "credential_id"],
        )
