"""The tenant belongs to what a dispatch is known by."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_KEY = ["process_id", "task_id", "attempt"]
_EARLIER = sa.text(
    "DELETE FROM claim WHERE EXISTS (SELECT 1 FROM claim AS first WHERE first.process_id = claim.process_id"
    " AND first.task_id = claim.task_id AND first.attempt = claim.attempt AND first.tenant != claim.tenant"
    " AND (first.created_us < claim.created_us"
    " OR (first.created_us = claim.created_us AND first.tenant < claim.tenant)))"
)


def upgrade() -> None:
    """Widen the primary key."""
    _key([*_KEY, "tenant"])


def downgrade() -> None:
    """Narrow it; of claims that are alike but for the tenant the one that was accepted first stays."""
    op.execute(_EARLIER)
    _key(_KEY)


def _key(columns: list[str]) -> None:
    # SQLite changes no key: the table is made anew, its rows and indexes with it. There the key has had no name.
    with op.batch_alter_table("claim", naming_convention={"pk": "%(table_name)s_pkey"}) as claim:
        claim.drop_constraint("claim_pkey", type_="primary")
        claim.create_primary_key("claim_pkey", columns)
