"""Holds over compute resources, hosts and tenants, and what runs they keep waiting; answers by request id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables
from vahana.event.v1 import task_pb2

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 500
_ADDED: tuple[tuple[str, sa.types.TypeEngine[str], bool], ...] = (
    ("compute_resource", sa.String(63), True),
    ("address", sa.String(255), True),
    ("hold_id", sa.String(100), False),
    ("hold_reason", sa.Text(), True),
)
_INDEXES = {
    "ix_run_on_hold": (["hold_id"], "hold_id IS NOT NULL AND ended_us IS NULL"),
    "ix_run_off_hold": (["tenant", "compute_resource"], "hold_id IS NULL AND ended_us IS NULL"),
    "ix_run_off_hold_address": (["address"], "hold_id IS NULL AND ended_us IS NULL"),
}
_run = sa.table("run", *map(sa.column, ("process_id", "target", "compute_resource", "address", "ended_us")))


def upgrade() -> None:
    """Creates the tables and columns, and fills in where the runs under way are done."""
    create_platform_tables("request")
    op.create_table(
        "hold",
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
    for name, kind, text in _ADDED:
        op.add_column("run", sa.Column(name, kind, nullable=not text, server_default=sa.text("''") if text else None))
    op.add_column("run", sa.Column("hold_since_us", sa.BigInteger, nullable=True))
    _fill(op.get_bind())
    for name, (columns, condition) in _INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "run", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drops them; what is on hold waits until it is touched again."""
    for name in _INDEXES:
        op.drop_index(name, "run")
    for column in ("hold_since_us", *(name for name, _, _ in reversed(_ADDED))):
        op.drop_column("run", column)
    op.drop_table("hold")
    drop_platform_tables("request")


def _fill(tx: sa.Connection) -> None:
    after = ""
    while True:
        query = sa.select(_run.c.process_id, _run.c.target).where(_run.c.process_id > after, _run.c.ended_us.is_(None))
        rows = tx.execute(query.order_by(_run.c.process_id).limit(_AT_ONCE)).all()
        if not rows:
            return
        for row in rows:
            target = task_pb2.Target.FromString(row.target)
            values = {"compute_resource": target.compute_resource, "address": target.address.lower().removesuffix(".")}
            tx.execute(sa.update(_run).where(_run.c.process_id == row.process_id).values(values))
        after = rows[-1].process_id
