"""Runs and their tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_PLATFORM_TABLES = ("outbox", "inbox", "lease", "parked")
_INDEXES = (
    ("ix_run_open", "run", ["tenant", "created_us", "process_id"], "ended_us IS NULL"),
    ("ix_task_next_attempt", "task", ["next_attempt_us"], "next_attempt_us IS NOT NULL"),
    ("ix_task_resend", "task", ["resend_us"], "resend_us IS NOT NULL"),
    ("ix_task_trouble", "task", ["process_id", "trouble", "position"], "trouble IS NOT NULL"),
    ("ix_task_job", "task", ["process_id"], "job IS NOT NULL"),
)


def upgrade() -> None:
    """Creates the tables."""
    create_platform_tables(*_PLATFORM_TABLES)
    op.create_table(
        "run",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("process_id", sa.String(100), nullable=False),
        sa.Column("experiment_id", sa.String(100), nullable=False),
        sa.Column("shard", sa.SmallInteger, nullable=False),
        sa.Column("target", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("phase", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition", sa.SmallInteger, nullable=False),
        sa.Column("next_attempt_us", sa.BigInteger, nullable=True),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("failure_condition", sa.SmallInteger, nullable=False),
        sa.Column("open_tasks", sa.Integer, nullable=False),
        sa.Column("troubled_tasks", sa.Integer, nullable=False),
        sa.Column("emitted", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("process_id", name="pk_run"),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.String(300), nullable=False),
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("process_id", sa.String(100), nullable=False),
        sa.Column("task_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.SmallInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("type", sa.SmallInteger, nullable=False),
        sa.Column("rule", sa.SmallInteger, nullable=False),
        sa.Column("required", sa.Boolean, nullable=False),
        sa.Column("dependents", sa.JSON, nullable=False),
        sa.Column("job_task_id", sa.String(200), nullable=False),
        sa.Column("planned", sa.LargeBinary, nullable=False),
        sa.Column("pending", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("heard", sa.BigInteger, nullable=False),
        sa.Column("emitted", sa.BigInteger, nullable=False),
        sa.Column("trouble", sa.SmallInteger, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("condition", sa.SmallInteger, nullable=False),
        sa.Column("job", sa.LargeBinary, nullable=True),
        sa.Column("next_attempt_us", sa.BigInteger, nullable=True),
        sa.Column("resend_us", sa.BigInteger, nullable=True),
        sa.Column("resends", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.ForeignKeyConstraint(["process_id"], ["run.process_id"], name="fk_task_run"),
    )
    op.create_index("ix_task_process", "task", ["process_id", "position"], unique=True)
    for name, table, columns, condition in _INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drops them."""
    op.drop_table("task")
    op.drop_table("run")
    drop_platform_tables(*_PLATFORM_TABLES)
