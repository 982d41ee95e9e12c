"""PostgreSQL's notices: how one replica of a service is told at once of what another has committed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from services.chassis import log
from services.chassis.db import Database

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 1.0

_log = log.get("notices")


@contextmanager
def listen(db: Database, channel: str, told: Callable[[], None]) -> Iterator[None]:
    """Have `told` called, on another thread, for what any replica notifies `channel` of while the block runs.

    A notice may be missed while the database is away: look from time to time all the same. On SQLite there is one
    process, which needs no notices.
    """
    if db.dialect == "sqlite":
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_listen, args=(db, channel, told, stop), name=f"listen-{channel}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2 * _LOOK_SECONDS)


def _listen(db: Database, channel: str, told: Callable[[], None], stop: threading.Event) -> None:
    address = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while not stop.is_set():
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                told()
                while not stop.is_set():
                    for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                        told()
        except psycopg.OperationalError as error:
            _log.warning("no notices while the database is away", reason=str(error))
            stop.wait(_AGAIN_SECONDS)
