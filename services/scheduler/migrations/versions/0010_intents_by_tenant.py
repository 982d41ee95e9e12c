"""Each tenant's intents of a process not taken up yet stand for themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BUT_ONE = sa.text(
    "DELETE FROM intent WHERE EXISTS (SELECT 1 FROM intent AS other WHERE other.process_id = intent.process_id"
    " AND other.tenant < intent.tenant)"
)


def upgrade() -> None:
    """Widens the primary key."""
    _key(["process_id", "tenant"])


def downgrade() -> None:
    """Narrows it; where several tenants have an intent of one process, that of the first by name stays."""
    op.execute(_BUT_ONE)
    _key(["process_id"])


def _key(columns: list[str]) -> None:
    # SQLite changes no key: the table is made anew, and its rows are copied.
    with op.batch_alter_table("intent") as intent:
        intent.drop_constraint("pk_intent", type_="primary")
        intent.create_primary_key("pk_intent", columns)
