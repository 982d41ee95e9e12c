"""The executor's tables."""

import sqlalchemy as sa

from services.chassis.schema import add_platform_tables

PLATFORM_TABLES = ("outbox", "lease", "parked", "incarnation", "reading", "attempted")

metadata = sa.MetaData()
add_platform_tables(metadata, *PLATFORM_TABLES)

claim = sa.Table(
    "claim",
    metadata,
    sa.Column("process_id", sa.String(100), primary_key=True),
    sa.Column("task_id", sa.String(200), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(100), primary_key=True),
    sa.Column("experiment_id", sa.String(100), nullable=False),
    sa.Column("type", sa.Integer, nullable=False),
    sa.Column("lane", sa.Integer, nullable=False, server_default=sa.text("1")),
    sa.Column("queue", sa.String(600), nullable=False, server_default=sa.text("''")),
    sa.Column("compute_resource", sa.String(200), nullable=False),
    sa.Column("host", sa.String(300), nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("dispatch", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Integer, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.String(100), nullable=False),
    sa.Column("lease_until_us", sa.BigInteger, nullable=False),
    sa.Column("takeovers", sa.Integer, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("blocked_since_us", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try_us", sa.BigInteger, nullable=False),
    sa.Column("condition", sa.String(50), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("job", sa.LargeBinary, nullable=False),
    sa.Column("deadline_us", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger, nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("cancel_reason", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("barred", sa.Boolean, nullable=False, server_default=sa.false()),
)
WAITING, HELD, WATCHED, OPEN, BARRED = (
    claim.c.state == sa.literal_column("1"),
    claim.c.state == sa.literal_column("2"),
    claim.c.state == sa.literal_column("3"),
    claim.c.state != sa.literal_column("4"),
    sa.and_(claim.c.state == sa.literal_column("1"), claim.c.barred),
)
"""Which claims an index holds: each only those it is asked for, so that it stays small and most writes pass it by. The
numbers are in the statement, since a database takes such an index only for what it can see to be in it.
"""
_PARTIAL = [
    ("ix_claim_waiting", WAITING, (claim.c.queue, claim.c.next_try_us, claim.c.state)),
    ("ix_claim_held", HELD, (claim.c.lease_until_us,)),
    ("ix_claim_watched", WATCHED, (claim.c.account,)),
    ("ix_claim_open", OPEN, (claim.c.tenant, claim.c.created_us)),
    ("ix_claim_barred", BARRED, (claim.c.host,)),
]
for name, which, columns in _PARTIAL:
    sa.Index(name, *columns, sqlite_where=which, postgresql_where=which)
sa.Index("ix_claim_ended_us", claim.c.ended_us)

# The hosts that were in trouble once; a row stays, for the number of its last change has to.
host = sa.Table(
    "host",
    metadata,
    sa.Column("host", sa.String(300), primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("health", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("condition", sa.String(50), nullable=False),
    sa.Column("since_us", sa.BigInteger, nullable=False),
    sa.Column("next_probe_us", sa.BigInteger, nullable=False),
    sa.Column("probes", sa.Integer, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
UNWELL = host.c.health != sa.literal_column("1")
sa.Index("ix_host_unwell", host.c.host, sqlite_where=UNWELL, postgresql_where=UNWELL)
