"""The tables of the registry. Lists that are only ever read whole are kept as JSON in their row.

Columns later than the first version have defaults for the rows there were; JSON has none in common between databases,
so there NULL is such a row's empty list or object.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

from services.chassis.schema import add_platform_tables

metadata = MetaData()
add_platform_tables(metadata, "request", "outbox", "lease", "entity", "parked", "incarnation", "reading", "attempted")

compute_resource = Table(
    "compute_resource",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("address", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("host_keys", JSON, nullable=False),
    Column("login", String(63), nullable=False),
    Column("credential_id", String(100), nullable=False),
    Column("scratch", String(1000), nullable=False),
    Column("job_manager", String(20), nullable=False),
    Column("batch_queues", JSON, nullable=False),
    Column("login_preferences", JSON, nullable=True),
    Column("restricted", Boolean, nullable=False, server_default=false()),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", name="pk_compute_resource"),
)

storage_resource = Table(
    "storage_resource",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("type", String(20), nullable=False),
    Column("location", String(2000), nullable=False),
    Column("credential_id", String(100), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", name="pk_storage_resource"),
)

application_module = Table(
    "application_module",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("version", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("retired", Boolean, nullable=False, server_default=false()),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    PrimaryKeyConstraint("tenant", "name", "version", name="pk_application_module"),
    Index("ix_application_module_latest", "tenant", "name", "create_time_us"),
)

application_interface = Table(
    "application_interface",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("version", String(63), nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", "version", name="pk_application_interface"),
    ForeignKeyConstraint(
        ["tenant", "name", "version"],
        ["application_module.tenant", "application_module.name", "application_module.version"],
        name="fk_application_interface_module",
    ),
)

application_deployment = Table(
    "application_deployment",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("version", String(63), nullable=False),
    Column("compute_resource", String(63), nullable=False),
    Column("executable", String(1000), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("module_loads", JSON, nullable=False),
    Column("environment", JSON, nullable=False),
    Column("pre_job_commands", JSON, nullable=False),
    Column("post_job_commands", JSON, nullable=False),
    Column("command_timeout_us", BigInteger, nullable=False),
    Column("rerun_safe", Boolean, nullable=False),
    Column("parallelism", String(20), nullable=False, server_default="SERIAL"),
    Column("launcher", JSON, nullable=True),
    Column("default_resources", JSON, nullable=True),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", "version", "compute_resource", name="pk_application_deployment"),
    ForeignKeyConstraint(
        ["tenant", "name", "version"],
        ["application_interface.tenant", "application_interface.name", "application_interface.version"],
        name="fk_application_deployment_interface",
    ),
    ForeignKeyConstraint(
        ["tenant", "compute_resource"],
        ["compute_resource.tenant", "compute_resource.name"],
        name="fk_application_deployment_compute_resource",
    ),
    Index("ix_application_deployment_compute_resource", "tenant", "compute_resource"),
)

group_resource_profile = Table(
    "group_resource_profile",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", name="pk_group_resource_profile"),
)

resource_grant = Table(
    "resource_grant",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("profile", String(63), nullable=False),
    Column("position", Integer, nullable=False),
    Column("compute_resource", String(63), nullable=False),
    Column("batch_queues", JSON, nullable=False),
    Column("allocations", JSON, nullable=False),
    Column("limits", JSON, nullable=False),
    PrimaryKeyConstraint("tenant", "profile", "position", name="pk_resource_grant"),
    ForeignKeyConstraint(
        ["tenant", "profile"],
        ["group_resource_profile.tenant", "group_resource_profile.name"],
        name="fk_resource_grant_profile",
    ),
    ForeignKeyConstraint(
        ["tenant", "compute_resource"],
        ["compute_resource.tenant", "compute_resource.name"],
        name="fk_resource_grant_compute_resource",
    ),
    Index("ix_resource_grant_compute_resource", "tenant", "compute_resource"),
)
