"""The services' databases: SQLite in memory, shared by all instances of a service, with the real schema and SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import StaticPool

from services.chassis import db
from services.chassis.errors import Unavailable
from tests.simulation.kernel import Kernel

_WRITTEN = (
    "CREATE TABLE written (topic TEXT, message_id TEXT)",
    "CREATE TRIGGER writing AFTER INSERT ON outbox BEGIN INSERT INTO written VALUES (new.topic, new.message_id); END",
)
"""What was ever written to the outbox: nothing of settled processes is kept there."""


class SimulatedDatabase(db.Database):
    """Transactions of the real code, which may be refused, and whose commit may go unanswered."""

    kernel: Kernel

    def __init__(self, name: str, metadata: sa.MetaData) -> None:
        """Make it once, with its tables; `begin` empties it for a kernel."""
        with mock.patch.object(db, "_sqlite_engine", _memory_engine):
            super().__init__("sqlite://", metadata)
        self.name = name
        # As on PostgreSQL no id is given twice: relays of several instances mark what they sent by id.
        metadata.tables["outbox"].dialect_options["sqlite"]["autoincrement"] = True
        # Nothing else goes on while one reads: that needs no transaction.
        self._reader = self._engine.connect()
        with super().write() as tx:
            metadata.create_all(tx)
            for statement in _WRITTEN:
                tx.exec_driver_sql(statement)

    @property
    def alone(self) -> bool:
        """Several instances work on it, as on PostgreSQL."""
        return False

    def begin(self, kernel: Kernel) -> None:
        """Empty it, and have its transactions pass the boundaries of this kernel."""
        self.kernel = kernel
        with super().write() as tx:
            for table in reversed(self.metadata.sorted_tables):
                tx.execute(sa.delete(table))
            tx.exec_driver_sql("DELETE FROM written")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """See Database."""
        if self.kernel.boundary(f"read {self.name}", "database away"):
            raise Unavailable("the database does not answer")
        yield self._reader

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """See Database."""
        trouble = self.kernel.boundary(f"write {self.name}", "database away", "commit refused", "commit unanswered")
        if trouble == "database away":
            raise Unavailable("the database does not answer")
        with super().write() as tx:
            yield tx
            if trouble == "commit refused":
                raise Unavailable("the database did not commit")
            if trouble:
                # Whoever was to be told after the commit is not, as where the process dies with the answer.
                tx.info[db._CALLBACKS].clear()
        if trouble:
            raise Unavailable("the database did not answer the commit")
        self.kernel.boundary(f"written {self.name}")


def _memory_engine(_url: sa.URL, _options: object) -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: object, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")

    return engine
