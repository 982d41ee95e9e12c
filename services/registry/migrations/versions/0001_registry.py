"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    create_platform_tables("request")
    op.create_table(
        "compute_resource",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("host_keys", sa.JSON, nullable=False),
        sa.Column("login", sa.String(63), nullable=False),
        sa.Column("credential_id", sa.String(100), nullable=False),
        sa.Column("scratch", sa.String(1000), nullable=False),
        sa.Column("job_manager", sa.String(20), nullable=False),
        sa.Column("batch_queues", sa.JSON, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_compute_resource"),
    )
    op.create_table(
        "storage_resource",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("location", sa.String(2000), nullable=False),
        sa.Column("credential_id", sa.String(100), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_storage_resource"),
    )
    op.create_table(
        "application_module",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", "version", name="pk_application_module"),
    )
    op.create_index("ix_application_module_latest", "application_module", ["tenant", "name", "create_time_us"])
    op.create_table(
        "application_interface",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.String(63), nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("outputs", sa.JSON, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", "version", name="pk_application_interface"),
        sa.ForeignKeyConstraint(
            ["tenant", "name", "version"],
            ["application_module.tenant", "application_module.name", "application_module.version"],
            name="fk_application_interface_module",
        ),
    )
    op.create_table(
        "application_deployment",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.String(63), nullable=False),
        sa.Column("compute_resource", sa.String(63), nullable=False),
        sa.Column("executable", sa.String(1000), nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("module_loads", sa.JSON, nullable=False),
        sa.Column("environment", sa.JSON, nullable=False),
        sa.Column("pre_job_commands", sa.JSON, nullable=False),
        sa.Column("post_job_commands", sa.JSON, nullable=False),
        sa.Column("command_timeout_us", sa.BigInteger, nullable=False),
        sa.Column("rerun_safe", sa.Boolean, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", "version", "compute_resource", name="pk_application_deployment"),
        sa.ForeignKeyConstraint(
            ["tenant", "name", "version"],
            ["application_interface.tenant", "application_interface.name", "application_interface.version"],
            name="fk_application_deployment_interface",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "compute_resource"],
            ["compute_resource.tenant", "compute_resource.name"],
            name="fk_application_deployment_compute_resource",
        ),
    )


def downgrade() -> None:
    """Drop all tables."""
    for table in (
        "application_deployment",
        "application_interface",
        "application_module",
        "storage_resource",
        "compute_resource",
    ):
        op.drop_table(table)
    drop_platform_tables("request")
