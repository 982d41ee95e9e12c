"""The inbox: ids of the messages whose effect is stored, so that a message delivered twice takes effect once."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.chassis import clock
from services.chassis.db import Tx, insert_new


class Inbox:
    """The table `inbox` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData) -> None:
        """Take the table that add_platform_tables put into the metadata."""
        self._table = metadata.tables["inbox"]

    def admit(self, tx: Tx, ids: Sequence[str]) -> set[str]:
        """Return those ids that were not seen before, and record them with this transaction."""
        now = clock.now_us()
        # In one order everywhere: two consumers with the same messages wait for one another and never deadlock.
        rows = [{"id": id_, "seen_us": now} for id_ in sorted(set(ids))]
        return {row.id for row in insert_new(tx, self._table, rows)}

    def purge(self, tx: Tx, before_us: int) -> int:
        """Forget ids seen before a time; return how many."""
        return tx.execute(sa.delete(self._table).where(self._table.c.seen_us < before_us)).rowcount
