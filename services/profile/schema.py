"""The tables of profile.

A table with a column `wrapped_data_key` holds what is sealed with the master key, bound to its columns `tenant` (""
where it has none) and the other one of its primary key: so the rotation of the master key finds it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from services.chassis.schema import BIG_ID, add_platform_tables

metadata = MetaData()
add_platform_tables(metadata, "request", "outbox", "lease", "entity", "incarnation")

tenant = Table(
    "tenant",
    metadata,
    Column("name", String(63), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("revision", BigInteger, nullable=False, server_default="1"),
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
    Column("admin", Boolean, nullable=False, server_default=false()),
    Column("operator", Boolean, nullable=False, server_default=false()),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    PrimaryKeyConstraint("tenant", "name", name="pk_user_account"),
    ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_user_account_tenant"),
)
"""`admin`, `operator`: whether the user has that role."""

group = Table(
    "user_group",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("owner", String(63), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "name", name="pk_user_group"),
    ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_user_group_tenant"),
)

group_member = Table(
    "group_member",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("group_name", String(63), nullable=False),
    Column("kind", String(5), nullable=False),
    Column("member", String(63), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "group_name", "kind", "member", name="pk_group_member"),
    ForeignKeyConstraint(
        ["tenant", "group_name"], ["user_group.tenant", "user_group.name"], name="fk_group_member_group"
    ),
    Index("ix_group_member_member", "tenant", "kind", "member", "group_name"),
)
"""`kind`: "group" or "user", which is what `member` names."""

api_token = Table(
    "api_token",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("token_id", String(100), nullable=False),
    Column("name", String(63), nullable=False),
    Column("user_name", String(63), nullable=False),
    Column("scopes", String(1000), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("expire_time_us", BigInteger, nullable=False),
    Column("revoke_time_us", BigInteger, nullable=True),
    Column("last_use_time_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("tenant", "token_id", name="pk_api_token"),
    UniqueConstraint("token_id", name="uq_api_token_id"),
    ForeignKeyConstraint(
        ["tenant", "user_name"], ["user_account.tenant", "user_account.name"], name="fk_api_token_user"
    ),
    Index("ix_api_token_user", "tenant", "user_name", "token_id"),
)
"""`scopes`: in order, with spaces between. `digest`: SHA-256 of the whole token."""

api_token_answer = Table(
    "api_token_answer",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("token_id", String(100), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("master_key_id", String(16), nullable=False),
    Column("wrapped_data_key", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "token_id", name="pk_api_token_answer"),
    Index("ix_api_token_answer_create_time", "create_time_us"),
)
"""Tokens, sealed, for as long as the request that made one may be repeated."""

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
    Column("owner", String(63), nullable=False),
    Column("action", String(20), nullable=False),
    Column("caller", String(63), nullable=False),
    Column("process_id", String(100), nullable=False),
    Column("host", String(300), nullable=False),
    Column("login", String(100), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="pk_credential_use"),
    Index("ix_credential_use_credential", "tenant", "credential_id", "id"),
    Index("ix_credential_use_owner", "tenant", "owner", "id"),
    Index("ix_credential_use_tenant", "tenant", "id"),
)
"""The audit: it outlives the credentials it tells of, and says whose they were."""

identity_provider = Table(
    "identity_provider",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("issuer", String(1000), nullable=False),
    Column("audience", String(300), nullable=False),
    Column("jwks_uri", String(1000), nullable=False),
    Column("jwks", Text, nullable=False),
    Column("algorithms", String(200), nullable=False),
    Column("user_claim", String(100), nullable=False),
    Column("provision_users", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("by_operator", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("tenant", "name", name="pk_identity_provider"),
    UniqueConstraint("issuer", "audience", name="uq_identity_provider_issuer"),
    ForeignKeyConstraint(["tenant"], ["tenant.name"], name="fk_identity_provider_tenant"),
)
"""`algorithms`: with spaces between."""

account_link = Table(
    "account_link",
    metadata,
    Column("tenant", String(63), nullable=False),
    Column("provider", String(63), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("user_name", String(63), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "provider", "subject", name="pk_account_link"),
    UniqueConstraint("tenant", "provider", "user_name", name="uq_account_link_user"),
    ForeignKeyConstraint(
        ["tenant", "provider"], ["identity_provider.tenant", "identity_provider.name"], name="fk_account_link_provider"
    ),
    ForeignKeyConstraint(
        ["tenant", "user_name"], ["user_account.tenant", "user_account.name"], name="fk_account_link_user"
    ),
)
"""Which user somebody is whom a provider calls `subject`: one at most on either side."""

signing_key = Table(
    "signing_key",
    metadata,
    Column("key_id", String(100), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("start_time_us", BigInteger, nullable=False),
    Column("master_key_id", String(16), nullable=False),
    Column("wrapped_data_key", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    PrimaryKeyConstraint("key_id", name="pk_signing_key"),
    UniqueConstraint("generation", name="uq_signing_key_generation"),
)
"""The keys that access tokens are signed with."""
