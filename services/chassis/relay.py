"""The relay: sends what the outbox holds, in order, and marks it sent. One at a time for a database."""

import random
import threading
import time
from collections.abc import Sequence
from itertools import groupby

from services.chassis import clock, log
from services.chassis.bus import topics
from services.chassis.bus.api import Bus, Message, Producer
from services.chassis.bus.lanes import Lane
from services.chassis.bus.topics import Topic
from services.chassis.db import Database, Tx
from services.chassis.errors import Unavailable
from services.chassis.failpoints import failpoint
from services.chassis.handover import LARGEST_BATCH, UnsentRow
from services.chassis.ids import new_id
from services.chassis.incarnations import WHOLE, Incarnations
from services.chassis.leases import Leases
from services.chassis.notices import listen
from services.chassis.outbox import CHANNEL, Outbox

LEASE = "relay"
LEASE_SECONDS = 5.0
"""As long as a relay that was killed keeps others from sending. One that is late by more than that sends copies of what
another has sent.
"""
KEPT_US = 14 * 24 * 3600 * 1_000_000
"""How long sent rows stay, to be sent again when asked for."""
PURGE_EVERY_US = 3600 * 1_000_000
FALLBACK_SECONDS = 1.0
"""How long a commit by another replica may go unnoticed."""
QUIET_SECONDS = 0.25
"""What was sent is marked once nothing more came for so long: nobody waits for a mark."""
MOST_UNMARKED = 200
"""So many at most are sent again by whoever follows a relay that died."""
_WRITER = "outbox"
"""The relay's name among those who know of a topic's incarnations."""


class Relay:
    """Moves rows from an outbox to the bus.

    On PostgreSQL several replicas run one each and the holder of the lease "relay" works, on what it reads; on SQLite
    the process that owns the file is the only one, and sends what it is handed at each commit. Rows are marked sent
    afterwards, many at a time. Whoever follows a relay starts from the lowest row that is not marked: receivers see
    copies, never a gap.
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
        """`source`: the service's name, sent as a header. `batch`: rows sent at a time. `ensured`: topics created when
        missing, at the start and after each failure, since a broker may come back empty.
        """
        self._db, self._outbox, self._bus, self._batch, self._ensured = db, outbox, bus, batch, ensured
        self._source = ("source", source.encode())
        self._leases = None if db.alone else Leases(outbox.metadata)
        self._holder = new_id(f"relay-{source}")
        self._log = log.get("relay")
        self._purged_us = 0
        self._unmarked: list[int] = []
        self._leads_until = 0.0
        self._incarnations = Incarnations(db, bus, _WRITER, [topic.name for topic in ensured])

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop; wait out any outage of database or bus."""
        failures, ready = 0, False
        producer = self._bus.producer()
        with listen(self._db, CHANNEL, self._outbox.committed.set):
            while not stop.is_set():
                try:
                    if not ready or self._incarnations.changed():
                        self._begin()
                    self.drain(producer, stop)
                    failures, ready = 0, True
                    self._rest()
                except Unavailable as error:
                    failures, ready = failures + 1, False
                    self._log.warning("relay waits", reason=error.message, failures=failures)
                    stop.wait(random.uniform(0.05, min(5.0, 0.1 * 2 ** min(failures, 8))))  # noqa: S311 - jitter
            producer.close()
            self._end()

    def _begin(self) -> None:
        """Create missing topics; what was sent to topics that are gone is sent again."""
        self._bus.ensure_topics(self._ensured)
        if not self._incarnations.load():
            # Marked, they would be taken for sent.
            self._unmarked = []
        places = [(topic.name, WHOLE) for topic in self._ensured]
        lost = [place for place in places if self._incarnations.stale(place)]
        missing = self._incarnations.missing(places)
        if not missing:
            return
        with self._db.write() as tx:
            # First, so that what others mark meanwhile is seen, or is not marked any more.
            self._incarnations.keep(tx, missing)
            again = self._outbox.resend_topics(tx, [topic for topic, _ in lost]) if lost else 0
        if lost:
            self._log.warning("the bus lost its topics: sending again what is kept", topics=len(lost), messages=again)

    def drain(self, producer: Producer, stop: threading.Event) -> int:
        """Send all that is unsent now, in batches; return how many rows: none where another replica is the relay."""
        total = 0
        while not stop.is_set():
            self._outbox.committed.clear()
            rows = self._next()
            if not rows:
                break
            rows.sort(key=lambda row: row.rank)
            failpoint("relay.publishing")
            try:
                for _, rank in groupby(rows, key=lambda row: row.rank):
                    producer.publish([self._message(row) for row in rank])
            except Unavailable:
                self._outbox.handover.miss()
                raise
            failpoint("relay.published")
            self._unmarked += [row.id for row in rows]
            total += len(rows)
            if not self._full(rows) and not self._outbox.committed.is_set():
                break
        return total

    def _rest(self) -> None:
        """Wait for more; mark what was sent once it is quiet."""
        if not self._unmarked:
            self._outbox.committed.wait(FALLBACK_SECONDS)
        elif not self._outbox.committed.wait(QUIET_SECONDS):
            self.mark()

    def _next(self) -> list[UnsentRow]:
        if len(self._unmarked) >= MOST_UNMARKED:
            self.mark()
        due = clock.now_us() - self._purged_us > PURGE_EVERY_US
        handed = self._outbox.handover.take(self._batch) if self._leases is None and not due else None
        return self._read(purge=due) if handed is None else handed

    def mark(self) -> None:
        """Mark what was sent."""
        if self._unmarked:
            with self._db.write() as tx:
                self._mark(tx)
            failpoint("relay.marked")
            self._unmarked = []

    def _mark(self, tx: Tx) -> None:
        """Mark what was sent; Unavailable where another replica knows that the bus has lost it since."""
        if self._leases is not None and not self._incarnations.confirmed(tx):
            raise Unavailable("the bus has lost what was sent")
        self._outbox.mark_sent(tx, self._unmarked)

    def _read(self, *, purge: bool) -> list[UnsentRow]:
        """Read what comes next, in a transaction that writes only where it must."""
        self._outbox.handover.begin()
        rows = self._unsent(purge=purge)
        if self._full(rows):
            self._outbox.handover.miss()
        elif rows:
            self._outbox.handover.read(rows[-1].id)
        return rows

    def _full(self, rows: Sequence[UnsentRow]) -> bool:
        """Whether there may be more rows than these."""
        return len(rows) == self._batch or sum(len(row.value) for row in rows) >= LARGEST_BATCH

    def _unsent(self, *, purge: bool) -> list[UnsentRow]:
        if not purge:
            with self._db.read() as tx:
                rows = self._outbox.unsent(tx, self._batch, self._unmarked)
            if not rows or self._leads():
                return rows
        with self._db.write() as tx:
            if self._unmarked:
                self._mark(tx)
            rows = self._read_as_leader(tx, purge=purge)
        self._unmarked = []
        return rows

    def _read_as_leader(self, tx: Tx, *, purge: bool) -> list[UnsentRow]:
        if not self._leads() and not self._lead(tx):
            return []
        if purge:
            self._purged_us = clock.now_us()
            self._outbox.purge(tx, self._purged_us - KEPT_US)
        return self._outbox.unsent(tx, self._batch)

    def _leads(self) -> bool:
        """Whether nobody else can have the lease: it is not asked for again before half of its time is over."""
        return self._leases is None or time.monotonic() < self._leads_until

    def _lead(self, tx: Tx) -> bool:
        asked = time.monotonic()
        if self._leases is None or self._leases.acquire(tx, LEASE, self._holder, LEASE_SECONDS) is None:
            return False
        self._leads_until = asked + LEASE_SECONDS / 2
        return True

    def _end(self) -> None:
        """Mark what was sent and let another replica go on at once; where that fails, it goes on when the lease has
        expired, and sends what is not marked again.
        """
        try:
            with self._db.write() as tx:
                if self._unmarked:
                    self._mark(tx)
                if self._leases is not None:
                    epoch = self._leases.acquire(tx, LEASE, self._holder, LEASE_SECONDS)
                    if epoch is not None:
                        self._leases.release(tx, LEASE, self._holder, epoch)
        except Unavailable as error:
            self._log.warning("relay not ended cleanly", reason=error.message)

    def _message(self, row: UnsentRow) -> Message:
        headers = (("id", row.message_id.encode()), self._source)
        return Message(row.topic, row.key, row.value, headers, lane=Lane(row.lane))
