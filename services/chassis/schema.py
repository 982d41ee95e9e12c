"""The platform's tables. A service adds those it uses to its own metadata, and its first migration creates them:

    metadata = MetaData()
    add_platform_tables(metadata, "outbox", "inbox")          # services/<s>/schema.py
    create_platform_tables("outbox", "inbox")                 # services/<s>/migrations/versions/0001_*.py, upgrade()
    drop_platform_tables("outbox", "inbox")                   # the same, downgrade()

The tables as they stand here are what first migrations create: a later change of one comes as a function of its own,
which later migrations call.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit key given by the database; SQLite counts only INTEGER keys up by itself."""


def _outbox(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "outbox",
        metadata,
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String(200), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("ref", sa.String(200), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("sent_us", sa.BigInteger, nullable=True),
    )
    sa.Index("ix_outbox_sent_us_id", table.c.sent_us, table.c.id)
    sa.Index("ix_outbox_ref", table.c.ref)


def _outbox_by_key(metadata: sa.MetaData) -> None:
    """What came later: all messages about one process are found by their key."""
    sa.Index("ix_outbox_key", metadata.tables["outbox"].c.key)


def _outbox_by_lane(metadata: sa.MetaData) -> None:
    """What came later: the lane a message takes."""
    metadata.tables["outbox"].append_column(_lane())


def _lane() -> sa.Column[int]:
    return sa.Column("lane", sa.SmallInteger, nullable=False, server_default=sa.text("1"))


def _incarnation(metadata: sa.MetaData) -> None:
    sa.Table(
        "incarnation",
        metadata,
        sa.Column("reader", sa.String(200), primary_key=True),
        sa.Column("topic", sa.String(200), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("topic_id", sa.String(200), nullable=False),
    )


def _inbox(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "inbox",
        metadata,
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("seen_us", sa.BigInteger, nullable=False),
    )
    sa.Index("ix_inbox_seen_us", table.c.seen_us)


def _lease(metadata: sa.MetaData) -> None:
    sa.Table(
        "lease",
        metadata,
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
    )


def _parked(metadata: sa.MetaData) -> None:
    sa.Table(
        "parked",
        metadata,
        sa.Column("topic", sa.String(200), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
        sa.Column("consumer", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_us", sa.BigInteger, nullable=False),
    )


def _parked_unparking(metadata: sa.MetaData) -> None:
    """What came later: until when a message that is handed over again is nobody else's to hand over."""
    metadata.tables["parked"].append_column(_unparking())


def _unparking() -> sa.Column[Any]:
    return sa.Column("unparking_until_us", sa.BigInteger, nullable=True)


def _reading(metadata: sa.MetaData) -> None:
    sa.Table(
        "reading",
        metadata,
        sa.Column("reader", sa.String(200), primary_key=True),
        sa.Column("topic", sa.String(200), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.String(200), nullable=False),
    )


def _attempted(metadata: sa.MetaData) -> None:
    sa.Table(
        "attempted",
        metadata,
        sa.Column("reader", sa.String(200), primary_key=True),
        sa.Column("topic", sa.String(200), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
    )


def _request(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "request",
        metadata,
        sa.Column("caller", sa.String(200), primary_key=True),
        sa.Column("method", sa.String(200), primary_key=True),
        sa.Column("request_id", sa.String(200), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    sa.Index("ix_request_created_us", table.c.created_us)


def _entity(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "entity",
        metadata,
        sa.Column("kind", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(300), primary_key=True),
        sa.Column("parent", sa.String(300), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    sa.Index("ix_entity_parent", table.c.kind, table.c.tenant, table.c.parent, table.c.version)
    sa.Table(
        "entity_owner",
        metadata,
        sa.Column("owner", sa.String(63), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("snapshot_us", sa.BigInteger, nullable=True),
        sa.Column("snapshot_version", sa.BigInteger, nullable=False),
    )


_TABLES: dict[str, Callable[[sa.MetaData], None]] = {
    "outbox": _outbox,
    "inbox": _inbox,
    "lease": _lease,
    "parked": _parked,
    "request": _request,
    "entity": _entity,
    "incarnation": _incarnation,
    "reading": _reading,
    "attempted": _attempted,
}
_LATER: dict[str, tuple[Callable[[sa.MetaData], None], ...]] = {
    "outbox": (_outbox_by_key, _outbox_by_lane),
    "parked": (_parked_unparking,),
}
"""What was added to tables after first migrations had created them."""


def add_platform_tables(metadata: sa.MetaData, *names: str) -> None:
    """Add the named platform tables to a service's metadata."""
    for name in names:
        _TABLES[name](metadata)
        for later in _LATER.get(name, ()):
            later(metadata)


def create_platform_tables(*names: str) -> None:
    """Create the named platform tables; to be called in a migration's upgrade()."""
    _in_migration(*names).create_all(_bind(), checkfirst=False)


def drop_platform_tables(*names: str) -> None:
    """Drop the named platform tables; to be called in a migration's downgrade()."""
    _in_migration(*names).drop_all(_bind(), checkfirst=False)


def index_outbox_by_key() -> None:
    """Add the index by key to the outbox; to be called in a migration's upgrade()."""
    _op().create_index("ix_outbox_key", "outbox", ["key"])


def unindex_outbox_by_key() -> None:
    """Drop it; to be called in a migration's downgrade()."""
    _op().drop_index("ix_outbox_key", "outbox")


def add_outbox_lane() -> None:
    """Add the lane to the outbox, where all is fast; to be called in a migration's upgrade()."""
    _op().add_column("outbox", _lane())


def drop_outbox_lane() -> None:
    """Drop it; to be called in a migration's downgrade()."""
    _op().drop_column("outbox", "lane")


def count_deaths() -> None:
    """Create what counts deaths over messages, and lets parked ones be unparked; to be called in upgrade()."""
    create_platform_tables("reading", "attempted")
    _op().add_column("parked", _unparking())


def uncount_deaths() -> None:
    """Drop it; to be called in downgrade()."""
    _op().drop_column("parked", "unparking_until_us")
    drop_platform_tables("reading", "attempted")


def _in_migration(*names: str) -> sa.MetaData:
    metadata = sa.MetaData()
    for name in names:
        _TABLES[name](metadata)
    return metadata


def _bind() -> sa.Connection:
    bind: sa.Connection = _op().get_bind()
    return bind


def _op() -> Any:
    # Only here and only now: a service whose database is up to date never loads Alembic.
    from alembic import op  # noqa: PLC0415

    return op
