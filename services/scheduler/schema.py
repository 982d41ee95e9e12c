"""The scheduler's tables. A process under way is a row of `run`, each node of its DAG a row of `task`.

Columns are named as the fields of `domain.model`, which says what they mean. Partial indexes hold only the rows
somebody looks for: a task leaves them as soon as it goes on.
"""

from __future__ import annotations

import sqlalchemy as sa

from services.chassis.schema import add_platform_tables

PLATFORM_TABLES = ("outbox", "inbox", "lease", "parked", "incarnation", "request", "reading", "attempted")

metadata = sa.MetaData()
add_platform_tables(metadata, *PLATFORM_TABLES)

run = sa.Table(
    "run",
    metadata,
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
    sa.Column("intent", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("intent_seq", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("intent_reason", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("compute_resource", sa.String(63), nullable=False, server_default=sa.text("''")),
    sa.Column("address", sa.String(255), nullable=False, server_default=sa.text("''")),
    sa.Column("hold_id", sa.String(100), nullable=True),
    sa.Column("hold_reason", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("hold_since_us", sa.BigInteger, nullable=True),
    sa.Column("parked_reason", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("parked_since_us", sa.BigInteger, nullable=True),
    sa.PrimaryKeyConstraint("process_id", name="pk_run"),
)

# Intents of processes not taken up yet; with its launch a process takes its intent over. Whose it is shows then.
intent = sa.Table(
    "intent",
    metadata,
    sa.Column("process_id", sa.String(100), nullable=False),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("intent", sa.SmallInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("process_id", "tenant", name="pk_intent"),
)

# The holds there are; what waits for one that is gone goes on. No tenant: the work of all tenants waits. They are few
# and have no index but their key: with another one SQLite would go through all runs to look there.
hold = sa.Table(
    "hold",
    metadata,
    sa.Column("hold_id", sa.String(100), nullable=False),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("compute_resource", sa.String(63), nullable=False),
    sa.Column("address", sa.String(255), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("placer_tenant", sa.String(63), nullable=False),
    sa.Column("placed_us", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("hold_id", name="pk_hold"),
)

# The messages about processes under way that services have parked.
parking = sa.Table(
    "parking",
    metadata,
    sa.Column("process_id", sa.String(100), nullable=False),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("topic", sa.String(200), nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("consumer", sa.String(200), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("since_us", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("process_id", "service", "topic", "partition", "offset", "consumer", name="pk_parking"),
)

task = sa.Table(
    "task",
    metadata,
    # process_id/task_id in one: SQLite finds no index for a list of pairs.
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
    sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("closing", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("opened_us", sa.BigInteger, nullable=True),
    sa.Column("since_us", sa.BigInteger, nullable=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_task"),
    sa.ForeignKeyConstraint(["process_id"], ["run.process_id"], name="fk_task_run"),
)

# How well hosts answer, as executors told last.
host_health = sa.Table(
    "host_health",
    metadata,
    sa.Column("host", sa.String(300), nullable=False),
    sa.Column("health", sa.SmallInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("host", name="pk_host_health"),
)
UNWELL = host_health.c.health != sa.literal_column("1")


def _partial(name: str, *columns: sa.Column[object], where: sa.ColumnElement[bool]) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


sa.Index("ix_task_process", task.c.process_id, task.c.position, unique=True)
_partial("ix_run_open", run.c.tenant, run.c.created_us, run.c.process_id, where=run.c.ended_us.is_(None))
_waits = sa.and_(run.c.hold_id.is_not(None), run.c.ended_us.is_(None))
_goes_on = sa.and_(run.c.hold_id.is_(None), run.c.ended_us.is_(None))
_partial("ix_run_on_hold", run.c.hold_id, where=_waits)
_partial("ix_run_off_hold", run.c.tenant, run.c.compute_resource, where=_goes_on)
_partial("ix_run_off_hold_address", run.c.address, where=_goes_on)
_partial("ix_task_next_attempt", task.c.next_attempt_us, where=task.c.next_attempt_us.is_not(None))
_partial("ix_task_resend", task.c.resend_us, where=task.c.resend_us.is_not(None))
_partial("ix_task_trouble", task.c.process_id, task.c.trouble, task.c.position, where=task.c.trouble.is_not(None))
_partial("ix_task_job", task.c.process_id, where=task.c.job.is_not(None))
_partial("ix_task_held", task.c.process_id, where=task.c.held)
_partial("ix_host_health_unwell", host_health.c.host, where=UNWELL)
