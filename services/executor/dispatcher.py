"""Has workers begin and writes how their turns ended: both in one transaction, as often as there is news."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from services.chassis import log
from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import Unavailable
from services.chassis.failpoints import failpoint
from services.executor import storage
from services.executor.admission import Admission
from services.executor.backoff import SECOND
from services.executor.claims import Ledger
from services.executor.domain.claims import Claim, Key
from services.executor.domain.queues import Line
from services.executor.domain.seats import Sizes
from services.executor.renewal import Renewal
from services.executor.roster import Roster, Turn
from services.executor.seating import Seating, Taken
from services.executor.workers import Ended, Work, Workers

FALLBACK_SECONDS = 1.0
"""How long what another executor accepts may go unnoticed."""
_SHORTEST_SECONDS = 0.001
"""Between two rounds without news."""
_COUNTED = 256
"""As many are counted of what waits in a queue, and looked at of what was left by the dead: no pool has more seats."""
_log = log.get(__name__)

Waiter = TypeVar("Waiter", Claim, Line)


class Dispatcher:
    """Goes round: settles the turns that have ended, and claims for the workers that are free."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        work: Work,
        types: Iterable[int],
        *,
        holder: str,
        sizes: Sizes,
        lease_seconds: float = 10.0,
    ) -> None:
        """`holder` names this executor among all that ever were."""
        self._db, self._ledger, self._holder, self._lease = db, ledger, holder, lease_seconds
        self._roster, self._seating = Roster(), Seating(sizes)
        self.workers = Workers(work, types, sizes, self._seating, self._work_ended)
        self.renewal = Renewal(db, self._roster, lease_seconds)
        self.barred: Callable[[], Collection[str]] = frozenset
        """The hosts nobody is to begin at now."""
        self._news = threading.Event()
        self._look, self._look_at = True, 0.0

    def wake(self) -> None:
        """Say that there may be something to claim. From any thread."""
        self._look = True
        self._news.set()

    def _work_ended(self, awaited: bool) -> None:
        self._look = self._look or awaited
        self._news.set()

    def interrupt(self, keys: Collection[Key]) -> None:
        """Tell those who work on these claims, if they do so here, that they are to be ended. From any thread."""
        self._roster.interrupt(keys)

    def turns(self) -> list[Turn]:
        """Return the turns at claims that are written to have begun, and not to have ended."""
        return self._roster.turns()

    def held(self) -> int:
        """Return how many claims are being worked on."""
        return len(self._roster)

    @contextmanager
    def admission(self) -> Iterator[Admission]:
        """Let new claims begin at once: those that are admitted by the end of the block. From any thread."""
        with self._seating.taking() as taken:
            admission = Admission(self._seating, taken, self.barred(), self._holder, self._lease)
            yield admission
            self._begin(taken, admission.admitted)

    def run(self, stop: threading.Event, *, drain_seconds: float = 7.0) -> None:
        """Go round until told to stop; then let work under way end for a while, and give back what is left of it."""
        self._take_over_from_predecessor()
        self._seating.open = True
        while not stop.is_set():
            self._wait(stop, self._round_or_wait())
        self._seating.open = False
        self._drain(drain_seconds)

    def round(self, *, claiming: bool = True) -> int:
        """Settle and claim, once; return how many turns began."""
        ended, look = self.workers.ended(), claiming and self._due()
        late = self.workers.slow_down(self._roster.turns())
        if not (ended or look or late):
            return 0
        try:
            with self._seating.taking() as taken:
                claims = self._db.together(partial(self._write, ended, late, taken if look else None))
                self._roster.end([turn for turn, _, _ in ended])
                self._begin(taken, claims)
        except Unavailable:
            self.workers.again(ended)
            raise
        except Exception:
            if not ended:
                raise
            _log.exception("a round failed; its verdicts are written one by one")
            for each in ended:
                self._settle_alone(each)
            return 0
        return len(claims)

    def _round_or_wait(self) -> float:
        """Go round once; return the seconds until the next time, should nothing happen."""
        self._news.clear()
        try:
            self.round()
        except Unavailable as error:
            _log.warning("claims wait for the database", reason=error.message)
            self._look = True
            return FALLBACK_SECONDS
        slow = self.workers.seconds_to_slow(self._roster.turns(), FALLBACK_SECONDS)
        return max(_SHORTEST_SECONDS, min(slow, self._look_at - time.monotonic()))

    def _due(self) -> bool:
        due, self._look = self._look or time.monotonic() >= self._look_at, False
        return due

    def _write(self, ended: Sequence[Ended], late: Sequence[Turn], taken: Taken | None, tx: Tx) -> list[Claim]:
        if ended:
            after = self._ledger.settle(tx, [(claim, verdict) for _, claim, verdict in ended])
            failpoint("executor.settling")
            for (_, claim, _), written in zip(ended, after, strict=True):
                if written is None:
                    _log.warning("claim lost to another executor, work abandoned", claim=claim.key.ref)
        if late:
            storage.renew(tx, [(turn.claim, turn.queue) for turn in late], now_us(tx) + int(self._lease * SECOND))
        return [] if taken is None else self._claim(tx, taken)

    def _claim(self, tx: Tx, taken: Taken) -> list[Claim]:
        now = now_us(tx)
        self.renewal.catch_up(tx, now)
        barred, left = self.barred(), self._served(storage.orphaned(tx, now, _COUNTED))
        # Nobody goes on where nobody is to begin: these wait for their hosts, and are told so.
        storage.release(tx, [claim for claim in left if claim.host in barred])
        found = self._seating.orphans(taken, [claim for claim in left if claim.host not in barred])
        lines = self._served(storage.lines(tx, now, _COUNTED))
        for queue, count in self._seating.allot(taken, lines, barred).items():
            found += storage.waiting(tx, queue, now, count)
        later = min((line.first_us for line in lines if line.first_us > now), default=now + SECOND)
        self._look_at = time.monotonic() + min(FALLBACK_SECONDS, (later - now) / SECOND)
        return self._ledger.take(tx, found, self._holder, self._lease)

    def _settle_alone(self, ended: Ended) -> None:
        turn, claim, verdict = ended
        try:
            self._db.together(lambda tx: self._ledger.settle(tx, [(claim, verdict)]))
        except Unavailable:
            self.workers.again([ended])
            return
        except Exception:
            # Its lease runs out, and that counts.
            _log.exception("a verdict cannot be written", claim=claim.key.ref)
        self._roster.end([turn])

    def _begin(self, taken: Taken, claims: Sequence[Claim]) -> None:
        taken.subtract(claim.queue for claim in claims)
        for turn in self._roster.begin(claims):
            self.workers.start(turn)

    def _served(self, found: Sequence[Waiter]) -> list[Waiter]:
        return [each for each in found if each.queue.type in self.workers]

    def _take_over_from_predecessor(self) -> None:
        """On SQLite the lock on the file proves that whoever held claims is gone: no lease need be waited for."""
        if not self._db.alone:
            return
        with self._db.write() as tx:
            count = storage.expire_all(tx)
        if count:
            _log.warning("taking over from a predecessor that ended uncleanly", claims=count)

    def _wait(self, stop: threading.Event, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._news.wait(min(left, 0.25)):
                return

    def _drain(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._roster and (left := until - time.monotonic()) > 0:
            self._news.wait(left)
            self._news.clear()
            with suppress(Unavailable):
                self.round(claiming=False)
        self.workers.close()
        if not self._roster:
            return
        _log.warning("giving back what was not finished", claims=len(self._roster))
        try:
            with self._db.write() as tx:
                storage.release(tx, [turn.claim for turn in self._roster.turns()])
        except Unavailable as error:
            _log.warning("nothing given back: the leases will run out", reason=error.message)
