"""The tables of profile."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from services.chassis.schema import BIG_ID, add_platform_tables

metadata = MetaData()
add_platform_tables(metadata, "request")

tenant = Table(
    "tenant",
    metadata,
    Column("name", String(63), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", name="pk_tenant"),
)

user = Table(
    "user_account",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("email", String(320), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", name="pk_user_account"),
    ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_user_account_tenant"),
)

credential = Table(
    "credential",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("credential_id", String(100), nullable=False),
    Column("name", String(63), nullable=False),
    Column("public_blob", LargeBinary, nullable=False),
    Column("owner", String(63), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("last_use_time_us", BigInteger, nullable=True),
    Column("master_key_id", String(16), nullable=False),
    Column("wrapped_data_key", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "credential_id", name="pk_credential"),
    UniqueConstraint("tenant", "name", name="uq_credential_name"),
    ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_credential_tenant"),
)

credential_use = Table(
    "credential_use",
    metadata,
    Column("id", BIG_ID, autoincrement=True, nullable=False),
    Column("tenant", String(63), nullable=False),
    Column("credential_id", String(100), nullable=False),
    Column("action", String(20), nullable=False),
    Column("caller", String(63), nullable=False),
    Column("process_id", String(100), nullable=False),
    Column("host", String(300), nullable=False),
    Column("login", String(100), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="pk_credential_use"),
    ForeignKeyConstraint(
        ["tenant", "credential_id"],
        ["credential.tenant", "credential.credential_id"],
        name="fk_credential_use_credential",
    ),
    Index("ix_credential_use_credential", "tenant", "credential_id", "id"),
)
