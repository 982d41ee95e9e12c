"""A service's own database: SQLite in one file, or PostgreSQL by URL. Transactions are short and do no other I/O.

Order between transactions: on PostgreSQL rows may be committed in another order than their ids were given in, so
whoever needs an order (the outbox, by key) writes under the lock of the row the order belongs to.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from services.chassis import clock
from services.chassis.errors import Unavailable
from services.chassis.group import Group

T = TypeVar("T")

Tx = sa.Connection
"""A connection inside one transaction."""

_CALLBACKS = "vahana.after_commit"
_BUSY_MS = 10_000
_UNAVAILABLE_SQLITE = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)
)

_READ_ONLY = "25006"
"""PostgreSQL's answer where the server we reach is a standby, as after a failover: another one will take writes."""
_OVER_LIMIT = "54"
"""PostgreSQL's class of what is too large for it, as an indexed value may be: the driver calls it operational, yet
it is the value that is wrong, and waiting mends nothing.
"""


def now_us(tx: Tx) -> int:
    """Return the database's time. On SQLite, which is this machine's, that is this machine's clock."""
    if tx.dialect.name == "sqlite":
        return clock.now_us()
    seconds = tx.execute(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))).scalar_one()
    return int(seconds * 1_000_000)


def after_commit(tx: Tx, fn: Callable[[], None]) -> None:
    """Run `fn` once the write transaction `tx` is committed; given twice, it runs once. Never runs after a rollback."""
    tx.info[_CALLBACKS][fn] = False


def at_commit(tx: Tx, fn: Callable[[], None]) -> None:
    """The same, and on SQLite before anything else is committed: in the order of the commits. `fn` must not write."""
    tx.info[_CALLBACKS][fn] = True


def insert_new(tx: Tx, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[sa.Row[Any]]:
    """Insert the rows whose keys are not taken yet; return the keys of those, in any order."""
    if not rows:
        return []
    return tx.execute(_inserting_new(table, tx.dialect.name), list(rows)).all()


def insert_ignore(tx: Tx, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose keys are not taken yet; return how many that were."""
    return len(insert_new(tx, table, rows))


def upsert(tx: Tx, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows; where a key is taken, all else that is there gives way. In an order of keys that all writers
    share: so they never deadlock.
    """
    if rows:
        tx.execute(_upserting(table, tx.dialect.name), list(rows))


@lru_cache(maxsize=256)
def _inserting_new(table: sa.Table, dialect: str) -> sa.Executable:
    return inserting(table, dialect).on_conflict_do_nothing().returning(*table.primary_key.columns)


@lru_cache(maxsize=256)
def _upserting(table: sa.Table, dialect: str) -> sa.Insert:
    insert, key = inserting(table, dialect), table.primary_key.columns
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in key}
    return insert.on_conflict_do_update(index_elements=list(key), set_=others)


def inserting(table: sa.Table, dialect: str) -> "postgresql.Insert | sqlite.Insert":
    """An insert of the dialect's own, which can say what happens where a key is taken."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


class Database:
    """Connections to one database."""

    def __init__(self, url: str, metadata: sa.MetaData | None = None, *, pool_size: int = 8) -> None:
        """Connect when first used. `pool_size` connections are kept, four times as many may be open."""
        self.url = sa.make_url(url)
        self.metadata = metadata if metadata is not None else sa.MetaData()
        self.dialect = self.url.get_backend_name()
        self._write_lock = threading.Lock()
        self._writer: int | None = None
        self._group = Group(self.write, self._alone, self._lost)
        options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 3 * pool_size, "pool_timeout": 10}
        if self.dialect == "sqlite":
            self._engine = _sqlite_engine(self.url, options)
        else:
            self._engine = sa.create_engine(
                self.url, pool_pre_ping=True, connect_args={"connect_timeout": 5}, **options
            )

    @staticmethod
    def now_us(tx: Tx) -> int:
        """See now_us of this module."""
        return now_us(tx)

    @staticmethod
    def after_commit(tx: Tx, fn: Callable[[], None]) -> None:
        """See after_commit of this module."""
        after_commit(tx, fn)

    @property
    def alone(self) -> bool:
        """Whether no other process can be at work on it: the one that has a SQLite file holds its lock."""
        return self.dialect == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a transaction that sees one state of the database and never waits for writers."""
        snapshot: dict[str, Any] = {}
        if self.dialect == "postgresql":
            snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with (
            _translated(self.dialect),
            self._engine.connect() as connection,
            connection.execution_options(**snapshot).begin(),
        ):
            self._begin(connection, "BEGIN")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Open a transaction that is committed at the end and rolled back on any exception."""
        callbacks: dict[Callable[[], None], bool] = {}
        with _translated(self.dialect), self._one_writer(), self._engine.connect() as connection:
            connection.info[_CALLBACKS] = callbacks
            try:
                with connection.begin():
                    self._begin(connection, "BEGIN IMMEDIATE")
                    yield connection
            finally:
                connection.info.pop(_CALLBACKS, None)
            for callback in [each for each, in_turn in callbacks.items() if in_turn]:
                callback()
        for callback in [each for each, in_turn in callbacks.items() if not in_turn]:
            callback()

    def together(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in a write transaction that it may share with what other threads hand in meanwhile; return its
        result once that is committed.

        For short writes of many threads: they wait for the disk once, together. What `fn` raises undoes its own writes
        and is raised here; where the transaction is lost, or not committed, all who share it are told. On PostgreSQL
        the locks of all are held to the end, so a deadlock, which is Unavailable, is likelier than alone.
        """
        self._refuse_nesting()
        return self._group.run(fn)

    def _begin(self, connection: sa.Connection, statement: str) -> None:
        """Begin where the driver does not. Not as an event of SQLAlchemy: having one makes every statement dearer."""
        if self.dialect == "sqlite":
            connection.exec_driver_sql(statement)

    @contextmanager
    def _alone(self, tx: Tx) -> Iterator[None]:
        """Where the block raises, undo what it wrote, and what it wanted done after the commit."""
        callbacks, savepoint = dict(tx.info[_CALLBACKS]), tx.begin_nested()
        try:
            yield
        except Exception as error:
            if not self._lost(error):
                savepoint.rollback()
                tx.info[_CALLBACKS].clear()
                tx.info[_CALLBACKS].update(callbacks)
            raise
        savepoint.commit()

    def _lost(self, error: Exception) -> bool:
        """Whether the database may have undone the whole transaction: some errors make SQLite do that by itself."""
        return isinstance(error, sa.exc.DBAPIError) and _is_unavailable(self.dialect, error)

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """On SQLite, queue the threads of this process here, where waiting is fair and costs nothing."""
        if self.dialect != "sqlite":
            yield
            return
        self._refuse_nesting()
        if not self._write_lock.acquire(timeout=_BUSY_MS / 1000 * 3):
            raise Unavailable("the database is busy: its write lock was not free for 30 s")
        self._writer = threading.get_ident()
        try:
            yield
        finally:
            self._writer = None
            self._write_lock.release()

    def _refuse_nesting(self) -> None:
        if self._writer == threading.get_ident():
            raise RuntimeError("a write transaction is open in this thread already")

    def create_tables(self) -> None:
        """Create the tables of the metadata without migrations: for tests."""
        with self.write() as tx:
            self.metadata.create_all(tx)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _sqlite_engine(url: sa.URL, options: dict[str, Any]) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("a SQLite database needs a file: sqlite:////path/to/file.db")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun explicitly
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


@contextmanager
def _translated(dialect: str) -> Iterator[None]:
    """Turn "the database is away, or too busy" into Unavailable; leave defects as they are."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise Unavailable(f"no database connection became free: {error}") from error
    except sa.exc.DBAPIError as error:
        if _is_unavailable(dialect, error):
            raise Unavailable(f"the database does not answer: {error.orig}") from error
        raise


def _is_unavailable(dialect: str, error: sa.exc.DBAPIError) -> bool:
    if dialect == "sqlite":
        code = getattr(error.orig, "sqlite_errorcode", 0)
        return code & 0xFF in _UNAVAILABLE_SQLITE
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith(_OVER_LIMIT):
        return False
    return (
        error.connection_invalidated
        or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
        or state == _READ_ONLY
    )
