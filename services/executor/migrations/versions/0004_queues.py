"""The lane of a claim, the queue it waits in, and indexes that hold no more than is looked for in them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_FORMER = {
    "ix_claim_state_next_try_us": ["state", "next_try_us"],
    "ix_claim_state_lease_until_us": ["state", "lease_until_us"],
    "ix_claim_state_account": ["state", "account"],
    "ix_claim_tenant_created_us": ["tenant", "created_us"],
}
_PARTIAL = {
    "ix_claim_waiting": (["queue", "next_try_us", "state"], "state = 1"),
    "ix_claim_held": (["lease_until_us"], "state = 2"),
    "ix_claim_watched": (["account"], "state = 3"),
    "ix_claim_open": (["tenant", "created_us"], "state != 4"),
}


def upgrade() -> None:
    """Add the columns; what waits there is in the fast lane."""
    op.add_column("claim", sa.Column("lane", sa.Integer, nullable=False, server_default=sa.text("1")))
    op.add_column("claim", sa.Column("queue", sa.String(600), nullable=False, server_default=sa.text("''")))
    op.execute("UPDATE claim SET queue = type || '/1/' || tenant || '/' || host")
    for name in _FORMER:
        op.drop_index(name, "claim")
    for name, (columns, which) in _PARTIAL.items():
        op.create_index(name, "claim", columns, sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    """Drop them."""
    for name in _PARTIAL:
        op.drop_index(name, "claim")
    for name, columns in _FORMER.items():
        op.create_index(name, "claim", columns)
    op.drop_column("claim", "queue")
    op.drop_column("claim", "lane")
