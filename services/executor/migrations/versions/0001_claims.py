"""Claims, and the platform's tables for outbox, leases and parked messages."""

import sqlalchemy as sa
from alembic import op

from services.chassis.schema import create_platform_tables, drop_platform_tables

revision = "0001"
down_revision = None

_PLATFORM = ("outbox", "lease", "parked")


def upgrade() -> None:
    """Create all tables."""
    create_platform_tables(*_PLATFORM)
    op.create_table(
        "claim",
        sa.Column("process_id", sa.String(100), primary_key=True),
        sa.Column("task_id", sa.String(200), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("experiment_id", sa.String(100), nullable=False),
        sa.Column("type", sa.Integer, nullable=False),
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
    )
    op.create_index("ix_claim_state_next_try_us", "claim", ["state", "next_try_us"])
    op.create_index("ix_claim_state_lease_until_us", "claim", ["state", "lease_until_us"])
    op.create_index("ix_claim_state_account", "claim", ["state", "account"])
    op.create_index("ix_claim_tenant_created_us", "claim", ["tenant", "created_us"])
    op.create_index("ix_claim_ended_us", "claim", ["ended_us"])


def downgrade() -> None:
    """Drop all tables."""
    op.drop_table("claim")
    drop_platform_tables(*_PLATFORM)
