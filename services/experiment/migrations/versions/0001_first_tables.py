"""The first tables."""

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0001"
down_revision = None

_PLATFORM = ("outbox", "lease", "request")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "project",
        sa.Column("tenant", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "experiment",
        sa.Column("experiment_id", sa.String(100), primary_key=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition_code", sa.Integer, nullable=False),
        sa.Column("process_id", sa.String(100), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "project"], ["project.tenant", "project.name"], name="fk_experiment_project"
        ),
    )
    op.create_index("ix_experiment_newest", "experiment", ["tenant", "create_time", "experiment_id"])
    op.create_index("ix_experiment_project_newest", "experiment", ["tenant", "project", "create_time", "experiment_id"])
    op.create_table(
        "process",
        sa.Column("process_id", sa.String(100), primary_key=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column(
            "experiment_id",
            sa.String(100),
            sa.ForeignKey("experiment.experiment_id", name="fk_process_experiment"),
            nullable=False,
        ),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("phase", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition_code", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("directory", sa.Text, nullable=False),
        sa.Column("target", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_process_experiment_id", "process", ["experiment_id"])
    op.create_table(
        "planned_task",
        sa.Column("process_id", sa.String(100), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "task",
        sa.Column("process_id", sa.String(100), primary_key=True),
        sa.Column("task_id", sa.String(200), primary_key=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("attempt_ended", sa.Boolean, nullable=False),
        sa.Column("max_attempts", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition_code", sa.Integer, nullable=False),
        sa.Column("depends_on", sa.Text, nullable=False),
        sa.Column("job", sa.LargeBinary, nullable=False),
        sa.Column("start_time", sa.BigInteger, nullable=True),
        sa.Column("end_time", sa.BigInteger, nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("process_id", sa.String(100), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("applied", sa.Boolean, nullable=False),
        sa.Column("record_time", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("key", name="uq_event_key"),
    )
    op.create_table(
        "output",
        sa.Column("process_id", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "file",
        sa.Column("tenant", sa.String(100), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    create_platform_tables(*_PLATFORM)


def downgrade() -> None:
    """Drop them."""
    drop_platform_tables(*_PLATFORM)
    for name in ("file", "output", "event", "task", "planned_task", "process", "experiment", "project"):
        op.drop_table(name)
