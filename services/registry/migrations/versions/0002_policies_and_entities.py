"""Job managers' policies, group resource profiles, revisions of modules, and the tables of data in common."""

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PLATFORM = ("outbox", "lease", "entity", "parked")


def upgrade() -> None:
    """Add what is new; what is there already is published when the service starts."""
    create_platform_tables(*_PLATFORM)
    for table, column in _columns():
        op.add_column(table, column)
    op.create_index(
        "ix_application_deployment_compute_resource", "application_deployment", ["tenant", "compute_resource"]
    )
    op.create_table(
        "group_resource_profile",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("groups", sa.JSON, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_group_resource_profile"),
    )
    op.create_table(
        "resource_grant",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("profile", sa.String(63), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("compute_resource", sa.String(63), nullable=False),
        sa.Column("batch_queues", sa.JSON, nullable=False),
        sa.Column("allocations", sa.JSON, nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "profile", "position", name="pk_resource_grant"),
        sa.ForeignKeyConstraint(
            ["tenant", "profile"],
            ["group_resource_profile.tenant", "group_resource_profile.name"],
            name="fk_resource_grant_profile",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "compute_resource"],
            ["compute_resource.tenant", "compute_resource.name"],
            name="fk_resource_grant_compute_resource",
        ),
    )
    op.create_index("ix_resource_grant_compute_resource", "resource_grant", ["tenant", "compute_resource"])


def downgrade() -> None:
    """Drop what upgrade() added. Hosts of other job managers than FORK stay, which the version before can't read."""
    op.drop_table("resource_grant")
    op.drop_table("group_resource_profile")
    op.drop_index("ix_application_deployment_compute_resource", "application_deployment")
    for table, column in reversed(_columns()):
        op.drop_column(table, column.name)
    drop_platform_tables(*_PLATFORM)


def _columns() -> list[tuple[str, sa.Column[object]]]:
    return [
        ("compute_resource", sa.Column("login_preferences", sa.JSON, nullable=True)),
        ("compute_resource", sa.Column("restricted", sa.Boolean, nullable=False, server_default=sa.false())),
        ("compute_resource", sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false())),
        ("application_module", sa.Column("retired", sa.Boolean, nullable=False, server_default=sa.false())),
        ("application_module", sa.Column("revision", sa.BigInteger, nullable=False, server_default="1")),
        ("application_deployment", sa.Column("parallelism", sa.String(20), nullable=False, server_default="SERIAL")),
        ("application_deployment", sa.Column("launcher", sa.JSON, nullable=True)),
        ("application_deployment", sa.Column("default_resources", sa.JSON, nullable=True)),
    ]
