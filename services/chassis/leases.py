"""Leases: who does a thing now, on the database's clock. The epoch fences the work of former holders."""

from functools import lru_cache

import sqlalchemy as sa

from services.chassis.db import Tx, insert_ignore, now_us


class Leases:
    """The table `lease` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData) -> None:
        """Take the table that add_platform_tables put into the metadata."""
        self._table = metadata.tables["lease"]
        self._taking = _taking(self._table)
        self._stored: set[str] = set()
        """Names whose rows are there, and committed: no row is ever deleted."""

    def acquire(self, tx: Tx, name: str, holder: str, seconds: float) -> int | None:
        """Take or renew a lease; return its epoch, raised when the holder changes, or None while another holds it."""
        epoch = self._take(tx, name, holder, seconds)
        if epoch is None and name not in self._stored:
            fresh = {"name": name, "holder": "", "epoch": 0, "expires_us": 0}
            if insert_ignore(tx, self._table, [fresh]):
                return self._take(tx, name, holder, seconds)
            self._stored.add(name)
        return epoch

    def release(self, tx: Tx, name: str, holder: str, epoch: int) -> None:
        """Give a lease back before its time; nothing happens when it was lost already."""
        columns = self._table.c
        mine = (columns.name == name, columns.holder == holder, columns.epoch == epoch)
        tx.execute(sa.update(self._table).where(*mine).values(holder="", expires_us=0))

    def _take(self, tx: Tx, name: str, holder: str, seconds: float) -> int | None:
        now = now_us(tx)
        wanted = {"of": name, "by": holder, "now": now, "until": now + int(seconds * 1_000_000)}
        return tx.execute(self._taking, wanted).scalar_one_or_none()


@lru_cache
def _taking(table: sa.Table) -> sa.UpdateBase:
    """Takes or renews the lease `of` a name, where it is free: built once, for it is taken all the time."""
    columns = table.c
    by: sa.BindParameter[str] = sa.bindparam("by")
    free = sa.or_(columns.holder == by, columns.expires_us <= sa.bindparam("now"))
    return (
        sa.update(table)
        .where(columns.name == sa.bindparam("of"), free)
        .values(
            holder=by,
            expires_us=sa.bindparam("until"),
            epoch=columns.epoch + sa.case((columns.holder == by, 0), else_=1),
        )
        .returning(columns.epoch)
    )
