"""The one way a service starts, serves and ends.

    def wire() -> Chassis:
        chassis = Chassis.start(Settings(service="registry"), metadata, "services.registry")
        chassis.rpc.add(add_XServicer_to_server, Transport(...), "vahana.registry.v1.X")
        return chassis

    if __name__ == "__main__":
        sys.exit(main(wire))

`main` turns what `wire` raises into an exit code and, where a person made a mistake, one line.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from services.chassis import log
from services.chassis.errors import Unavailable
from services.chassis.rpc.access import AccessToken, FileToken
from services.chassis.rpc.access_tokens import AccessTokenVerifier
from services.chassis.rpc.client import bare_channel, channel
from services.chassis.rpc.key_watch import KeyWatch, fetcher
from services.chassis.rpc.keys import Keys
from services.chassis.rpc.server import RpcServer
from services.chassis.rpc.tls import Tls
from services.chassis.settings import Settings

if TYPE_CHECKING:
    import grpc
    from sqlalchemy import MetaData

    from services.chassis.bus.api import Bus
    from services.chassis.bus.topics import Topic
    from services.chassis.consume import Closed, Handle
    from services.chassis.db import Database
    from services.chassis.filelock import FileLock
    from services.chassis.outbox import Outbox
    from services.chassis.outcomes import Outcomes
    from services.chassis.parked import Parked, ParkedWatch
    from services.chassis.rpc.parked import Responses

OK = 0
CRASHED = 70
"""A thread of the service ended by an exception: EX_SOFTWARE."""
TRY_AGAIN = 75
"""What the service needs is not there yet, or its database is in use: EX_TEMPFAIL."""
MISCONFIGURED = 78
"""A setting is wrong: EX_CONFIG."""

Background = Callable[[threading.Event], None]
"""The body of a thread: it works until the event is set, and returns soon after."""

_log = log.get(__name__)


def main(wire: Callable[[], Chassis]) -> int:
    """Run the service `wire` puts together; returns the exit code. A mistake of who started it is told in one line."""
    try:
        code = wire().run()
    except (ValidationError, SettingsError) as error:
        return _complain(_bad_settings(error), MISCONFIGURED)
    except OSError as error:
        return _complain(str(error), MISCONFIGURED)
    except Unavailable as error:
        return _complain(error.message, TRY_AGAIN)
    # A handler stuck past its grace would be waited for by the interpreter, for ever.
    sys.stderr.flush()
    os._exit(code)


class Chassis:
    """What a running service consists of: settings, database, bus, gRPC server and background threads."""

    def __init__(self, settings: Settings, database: Database | None, lock: FileLock | None) -> None:
        self.settings = settings
        self.keys = Keys(settings.jwks_file)
        self.verifier = AccessTokenVerifier(self.keys)
        self.rpc = RpcServer(settings, self.verifier)
        self._tls = Tls.of(settings)
        self._token: AccessToken | None = None
        self._database = database
        self._lock = lock
        self._bus: Bus | None = None
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._handlers: dict[str, Handle] = {}
        self._closing: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._code = OK
        self._outcomes: Outcomes | None = None
        self._parked_watch: ParkedWatch | None = None
        if settings.service != "profile":
            self._watch_keys()

    @classmethod
    def start(cls, settings: Settings, metadata: MetaData | None, package: str) -> Chassis:
        """Set up logs, the database (locked, migrated by `package`'s migrations) and the server.

        `metadata` None: the service has no database. SystemExit 75 when another process has it.
        """
        log.configure(settings.service, settings.log_level)
        if metadata is None:
            return cls(settings, None, None)
        from services.chassis.db import Database  # noqa: PLC0415 - SQLAlchemy is loaded by those who use it
        from services.chassis.filelock import lock_database  # noqa: PLC0415
        from services.chassis.migrate import upgrade  # noqa: PLC0415

        lock = lock_database(settings.database_url)
        upgrade(settings.database_url, package)
        return cls(settings, Database(settings.database_url, metadata), lock)

    @property
    def db(self) -> Database:
        """The service's database."""
        if self._database is None:
            raise RuntimeError("this service was started without a database")
        return self._database

    @property
    def bus(self) -> Bus:
        """Kafka, connected to with its first use."""
        if self._bus is None:
            from services.chassis.bus.kafka import KafkaBus  # noqa: PLC0415

            settings = self.settings
            self._bus = KafkaBus(settings.kafka_bootstrap, settings.kafka_group_protocol, settings.topic_prefix)
        return self._bus

    def peer(self, service: str) -> grpc.Channel:
        """A channel to another service of the mesh, by its short name; its calls carry an access token of ours.

        Call it once a peer, while putting the service together.
        """
        if self._token is None:
            self._token = AccessToken(FileToken(self.settings.token_file), self._bare("profile"))
        opened = channel(self._address(service), self._token, service=service, tls=self._tls)
        self.closing(opened.close)
        return opened

    def background(self, name: str, body: Background) -> None:
        """Run `body` on a thread while the service runs; an exception out of it ends the process with code 70."""
        self._threads.append(threading.Thread(target=self._live, args=(name, body), name=name, daemon=True))

    def relay(self, outbox: Outbox) -> None:
        """Send what is put into `outbox`."""
        from services.chassis.relay import Relay  # noqa: PLC0415

        self.background("relay", Relay(self.db, outbox, self.bus, source=self.settings.service).run)

    def consume(
        self, group: str, topics: Sequence[Topic], handle: Handle, *, name: str, closed: Closed = tuple
    ) -> None:
        """Handle the messages of `topics` as a member of `group`; `name` tells consumers of a service apart. `closed`:
        which lanes of the topics nothing is taken from for now.
        """
        from services.chassis.consume import ConsumerLoop  # noqa: PLC0415

        self._handlers[name] = handle
        parked, batch = self._parked(), self.settings.commit_batch
        loop = ConsumerLoop(self.bus, group, topics, handle, self.db, parked, name, batch, closed, self.outcomes)
        self.background(f"consume-{name}", loop.run)

    def watch_parked(self, watch: ParkedWatch) -> None:
        """Tell `watch` what is parked by whatever is consumed from here on, and what operators do about it."""
        self._parked_watch = watch

    def operate_parked(self, register: Callable[[Any, Any], None], service: str, responses: Responses) -> None:
        """Serve the ParkedService of that full name for what is consumed here; `responses` is its parked_pb2."""
        from services.chassis.rpc.parked import ParkedService  # noqa: PLC0415
        from services.chassis.unparking import Unparking  # noqa: PLC0415

        unparking = Unparking(self.db, self._parked(), self._handlers)
        self.rpc.add(register, ParkedService(unparking, responses), service)

    @property
    def outcomes(self) -> Outcomes:
        """What became of messages, which is written to the log now and then."""
        if self._outcomes is None:
            from services.chassis.outcomes import Outcomes  # noqa: PLC0415

            self._outcomes = Outcomes()
            self.background("outcomes", self._outcomes.run)
        return self._outcomes

    def closing(self, close: Callable[[], None]) -> None:
        """Call `close` once calls and threads have ended, the last given first."""
        self._closing.append(close)

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, then drain; returns the exit code. OSError when the address is taken."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())
        return self._code

    def end(self, code: int) -> None:
        """Begin to drain, from any thread; the first reason to end decides the exit code."""
        if not self._stop.is_set() and self._code == OK:
            self._code = code
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)

    def _parked(self) -> Parked:
        from services.chassis.parked import Parked  # noqa: PLC0415

        return Parked(self.db.metadata, self._parked_watch)

    def _watch_keys(self) -> None:
        fetch = fetcher(self._bare("profile"), FileToken(self.settings.token_file))
        self.background("signing-keys", KeyWatch(self.keys, fetch).run)

    def _bare(self, service: str) -> grpc.Channel:
        opened = bare_channel(self._address(service), self._tls)
        self.closing(opened.close)
        return opened

    def _address(self, service: str) -> str:
        return str(getattr(self.settings, f"{service}_address"))

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, functools.partial(self._signaled, number))
        port = await self.rpc.start()
        for thread in self._threads:
            thread.start()
        self.rpc.set_serving(True)
        _log.info("serving", address=self.settings.listen, port=port)
        await self._ended.wait()
        await self._drain()

    def _signaled(self, number: int) -> None:
        if self._ended is not None and self._ended.is_set():
            os._exit(128 + number)
        _log.info("draining", signal=signal.Signals(number).name)
        self.end(OK)

    async def _drain(self) -> None:
        seconds = self.settings.drain_seconds
        await self.rpc.stop(seconds)
        self._stop.set()
        late = await asyncio.to_thread(self._join, seconds)
        if late:
            _log.warning("threads cut off", threads=late, seconds=seconds)
        self._close()
        _log.info("ended", code=self._code)

    def _join(self, seconds: float) -> list[str]:
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _close(self) -> None:
        owned = [each for each in (self._lock, self._database, self._bus) if each is not None]
        for close in [*(each.close for each in owned), *self._closing][::-1]:
            with contextlib.suppress(Exception):
                close()

    def _live(self, name: str, body: Background) -> None:
        try:
            body(self._stop)
        except BaseException:
            _log.critical("thread crashed", thread=name, exc_info=True)
            self.end(CRASHED)


def _bad_settings(error: ValidationError | SettingsError) -> str:
    if not isinstance(error, ValidationError):
        return f"bad settings: {error}"
    # A default made of other settings is missed where one of those is wrong: that is no error of its own.
    causes = [each for each in error.errors() if each["type"] != "default_factory_not_called"]
    return "bad settings: " + "; ".join(_told(each["loc"], each["msg"]) for each in causes)


def _told(location: Sequence[int | str], message: str) -> str:
    # The value is left out: a database's URL may hold a password.
    return f"VAHANA_{'.'.join(map(str, location)).upper()}: {message}"


def _complain(message: str, code: int) -> int:
    print(f"vahana: {message}", file=sys.stderr)  # noqa: T201 - for who started the service, not for the log
    return code
