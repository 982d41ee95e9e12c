"""The relay: sends what the outbox holds, in order, and marks it sent. One at a time for a database."""

import random
import threading
from collections.abc import Sequence
from itertools import groupby

from services.chassis import clock, log
from services.chassis.bus import topics
from services.chassis.bus.api import Bus, Message, Producer
from services.chassis.bus.topics import Topic
from services.chassis.db import Database, Tx
from services.chassis.errors import Unavailable
from services.chassis.ids import new_id
from services.chassis.leases import Leases
from services.chassis.outbox import Outbox, UnsentRow

LEASE = "relay"
LEASE_SECONDS = 10.0
KEPT_US = 14 * 24 * 3600 * 1_000_000
"""How long sent rows stay, to be sent again when asked for."""
PURGE_EVERY_US = 3600 * 1_000_000
FALLBACK_SECONDS = 1.0
"""How long a commit by another replica may go unnoticed."""


class Relay:
    """Moves rows from an outbox to the bus.

    On PostgreSQL several replicas run one each and the holder of the lease "relay" works; on SQLite the process that
    owns the file is the only one. A batch is marked sent in the transaction that reads the next. After a failure
    nothing of the batch is marked, so that sending starts over from the lowest unsent row: receivers see copies, never
    a gap.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        bus: Bus,
        *,
        source: str,
        batch: int = 500,
        ensured: Sequence[Topic] = topics.ALL,
    ) -> None:
        """`source`: the service's name, sent as a header. `batch`: rows read and marked at a time. `ensured`: topics
        created when missing, at the start and after each failure, since a broker may come back empty.
        """
        self._db, self._outbox, self._bus, self._batch, self._ensured = db, outbox, bus, batch, ensured
        self._source = source.encode()
        self._leases = Leases(outbox.metadata) if db.dialect != "sqlite" else None
        self._holder = new_id(f"relay-{source}")
        self._log = log.get("relay")
        self._purged_us = 0

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop; wait out any outage of database or bus."""
        failures, ready = 0, False
        producer = self._bus.producer()
        try:
            while not stop.is_set():
                try:
                    if not ready:
                        self._bus.ensure_topics(self._ensured)
                    self.drain(producer, stop)
                    failures, ready = 0, True
                    self._outbox.committed.wait(FALLBACK_SECONDS)
                except Unavailable as error:
                    failures, ready = failures + 1, False
                    self._log.warning("relay waits", reason=error.message, failures=failures)
                    stop.wait(random.uniform(0.05, min(5.0, 0.1 * 2 ** min(failures, 8))))  # noqa: S311 - jitter
        finally:
            producer.close()
            self._release()

    def drain(self, producer: Producer, stop: threading.Event) -> int:
        """Send all that is unsent now, in batches; return how many rows: none where another replica is the relay."""
        sent: list[int] = []
        total = 0
        while True:
            self._outbox.committed.clear()
            rows = self._next(sent)
            if not rows or stop.is_set():
                return total
            rows.sort(key=lambda row: row.rank)
            for _, rank in groupby(rows, key=lambda row: row.rank):
                producer.publish([self._message(row) for row in rank])
            sent = [row.id for row in rows]
            total += len(sent)

    def _next(self, sent: list[int]) -> list[UnsentRow]:
        """Mark what was sent and read what comes next, in one transaction that writes only where it must."""
        due = clock.now_us() - self._purged_us > PURGE_EVERY_US
        if not sent and not due:
            with self._db.read() as tx:
                rows = self._outbox.unsent(tx, self._batch)
            if not rows or self._leases is None:
                return rows
        with self._db.write() as tx:
            if sent:
                self._outbox.mark_sent(tx, sent)
            if not self._leads(tx):
                return []
            if due:
                self._purged_us = clock.now_us()
                self._outbox.purge(tx, self._purged_us - KEPT_US)
            return self._outbox.unsent(tx, self._batch)

    def _leads(self, tx: Tx) -> bool:
        return self._leases is None or self._leases.acquire(tx, LEASE, self._holder, LEASE_SECONDS) is not None

    def _release(self) -> None:
        """Let another replica go on at once; where that fails, it goes on when the lease has expired."""
        if self._leases is None:
            return
        try:
            with self._db.write() as tx:
                epoch = self._leases.acquire(tx, LEASE, self._holder, LEASE_SECONDS)
                if epoch is not None:
                    self._leases.release(tx, LEASE, self._holder, epoch)
        except Unavailable as error:
            self._log.warning("relay lease not released", reason=error.message)

    def _message(self, row: UnsentRow) -> Message:
        headers = (("id", row.message_id.encode()), ("source", self._source))
        return Message(row.topic, row.key, row.value, headers)
