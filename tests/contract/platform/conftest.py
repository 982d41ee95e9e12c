"""The platform's tables on SQLite and PostgreSQL, and envelopes to send."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import sqlalchemy as sa

from services.chassis.db import Database
from services.chassis.schema import add_platform_tables
from vahana.event.v1 import event_pb2


@pytest.fixture
def metadata() -> sa.MetaData:
    metadata = sa.MetaData()
    add_platform_tables(metadata, "outbox", "inbox", "lease", "parked", "request", "entity", "incarnation")
    add_platform_tables(metadata, "reading", "attempted")
    sa.Table("note", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(20)))
    return metadata


@pytest.fixture
def db(database_url: str, metadata: sa.MetaData) -> Iterator[Database]:
    database = Database(database_url, metadata)
    database.create_tables()
    yield database
    database.close()


class UndoneError(Exception):
    """What undoes a transaction."""


@pytest.fixture
def undone(db: Database) -> Callable[[], AbstractContextManager[sa.Connection]]:
    """A write transaction that ends in an exception."""

    @contextmanager
    def undone() -> Iterator[sa.Connection]:
        with contextlib.suppress(UndoneError), db.write() as tx:
            yield tx
            raise UndoneError

    return undone


@pytest.fixture
def note(metadata: sa.MetaData) -> sa.Table:
    return metadata.tables["note"]


@pytest.fixture
def envelope() -> Callable[[str], bytes]:
    def envelope(id_: str) -> bytes:
        told = event_pb2.Envelope(id=id_, tenant="default", aggregate_id="p", source="test")
        return told.SerializeToString()

    return envelope
