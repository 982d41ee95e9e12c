"""The experiment service's tables. Times are microseconds, UTC."""

import sqlalchemy as sa

from services.chassis.schema import add_platform_tables

metadata = sa.MetaData()

project = sa.Table(
    "project",
    metadata,
    sa.Column("tenant", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"),
)
sa.Index("ix_project_owner_name", project.c.tenant, project.c.owner, project.c.name)

experiment = sa.Table(
    "experiment",
    metadata,
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
    # Of the spec, to be looked up by; and what was last asked of the latest process, 0 before a launch.
    sa.Column("application", sa.String(63), nullable=False, server_default=sa.text("''")),
    sa.Column("intent", sa.Integer, nullable=False, server_default="0"),
    sa.ForeignKeyConstraint(["tenant", "project"], ["project.tenant", "project.name"], name="fk_experiment_project"),
)
sa.Index("ix_experiment_newest", experiment.c.tenant, experiment.c.create_time, experiment.c.experiment_id)
sa.Index(
    "ix_experiment_project_newest",
    experiment.c.tenant,
    experiment.c.project,
    experiment.c.create_time,
    experiment.c.experiment_id,
)
sa.Index(
    "ix_experiment_owner_newest",
    experiment.c.tenant,
    experiment.c.owner,
    experiment.c.create_time,
    experiment.c.experiment_id,
)
sa.Index(
    "ix_experiment_application_newest",
    experiment.c.tenant,
    experiment.c.application,
    experiment.c.create_time,
    experiment.c.experiment_id,
)
sa.Index(
    "ix_experiment_state_newest",
    experiment.c.tenant,
    experiment.c.state,
    experiment.c.create_time,
    experiment.c.experiment_id,
)

# In the order of a list of the experiments with one tag, so that such a page is read from one place.
experiment_tag = sa.Table(
    "experiment_tag",
    metadata,
    sa.Column("tenant", sa.String(100), primary_key=True),
    sa.Column("tag", sa.String(100), primary_key=True),
    sa.Column("create_time", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column(
        "experiment_id",
        sa.String(100),
        sa.ForeignKey("experiment.experiment_id", name="fk_experiment_tag_experiment"),
        primary_key=True,
        index=True,
    ),
)

# What is shared: of a project its name, of an experiment its id and, to list by, its create time.
share = sa.Table(
    "share",
    metadata,
    sa.Column("tenant", sa.String(100), primary_key=True),
    sa.Column("kind", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("principal", sa.String(200), primary_key=True),
    sa.Column("permission", sa.Integer, nullable=False),
    sa.Column("granter", sa.String(200), nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("shared_time", sa.BigInteger, nullable=False),
)
sa.Index(
    "ix_share_principal_newest",
    share.c.tenant,
    share.c.principal,
    share.c.kind,
    share.c.shared_time,
    share.c.name,
)

process = sa.Table(
    "process",
    metadata,
    sa.Column("process_id", sa.String(100), primary_key=True),
    sa.Column("tenant", sa.String(100), nullable=False),
    sa.Column(
        "experiment_id",
        sa.String(100),
        sa.ForeignKey("experiment.experiment_id", name="fk_process_experiment"),
        nullable=False,
        index=True,
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
    sa.Column("intent", sa.Integer, nullable=False, server_default="1"),
    sa.Column("intent_seq", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("launcher", sa.String(200), nullable=False, server_default=sa.text("''")),
    sa.Column("application", sa.String(63), nullable=False, server_default=sa.text("''")),
    sa.Column("application_version", sa.String(63), nullable=False, server_default=sa.text("''")),
    sa.Column("deployment_revision", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("compute_resource_revision", sa.BigInteger, nullable=False, server_default="0"),
    # Of its history, once it has ended: when it was proven whole, or else when to look again, having asked so often.
    sa.Column("settled_us", sa.BigInteger, nullable=True),
    sa.Column("check_us", sa.BigInteger, nullable=True),
    sa.Column("times_asked", sa.Integer, nullable=False, server_default="0"),
)
_UNSETTLED = process.c.check_us.is_not(None)
sa.Index("ix_process_check", process.c.check_us, sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED)

planned_task = sa.Table(
    "planned_task",
    metadata,
    sa.Column("process_id", sa.String(100), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(100), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

task = sa.Table(
    "task",
    metadata,
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

event = sa.Table(
    "event",
    metadata,
    sa.Column("process_id", sa.String(100), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(100), nullable=False),
    # Process, attempt, seq, source and task in one: one column can be looked up by the hundred.
    sa.Column("key", sa.String(500), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
    sa.Column("record_time", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("key", name="uq_event_key"),
)

output = sa.Table(
    "output",
    metadata,
    sa.Column("process_id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("tenant", sa.String(100), nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
)

file = sa.Table(
    "file",
    metadata,
    sa.Column("tenant", sa.String(100), primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
)

PLATFORM_TABLES = ("outbox", "lease", "request", "entity", "parked", "incarnation", "reading", "attempted")
add_platform_tables(metadata, *PLATFORM_TABLES)
