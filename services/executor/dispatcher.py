"""Claims rows for free workers, renews the leases of what they hold, and gives back what a shutdown cuts off."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from services.chassis import clock, log
from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import Unavailable
from services.executor import storage
from services.executor.backoff import SECOND
from services.executor.claims import Ledger
from services.executor.domain.claims import Claim, Key
from services.executor.interrupts import Interrupt

FALLBACK_SECONDS = 1.0
"""How long what another executor accepts may go unnoticed."""
_KEPT_US = 14 * 24 * 3600 * SECOND
_PURGE_EVERY_SECONDS = 3600.0
_SLEPT = 0.7
"""Part of a lease after which this process must have been stopped. It renews as it claims, in one transaction, lest it
take what its own workers still do for the work of a dead one."""
_log = log.get(__name__)

Work = Callable[[Claim, threading.Event, Interrupt], None]


class Dispatcher:
    """Hands claims to pools of threads, one pool a task type."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        work: Work,
        types: Iterable[int],
        *,
        holder: str,
        pool_size: int = 16,
        lease_seconds: float = 10.0,
    ) -> None:
        """`work` runs a claim to its verdict; `holder` names this executor among all that ever were."""
        self._db, self._ledger, self._work, self._holder = db, ledger, work, holder
        self._size, self._lease = pool_size, lease_seconds
        self._share = max(1, pool_size // 4)
        self._pools = {type_: ThreadPoolExecutor(pool_size, f"task-{type_}") for type_ in types}
        self._lock = threading.Lock()
        self._held: dict[Key, Claim] = {}
        self._interrupts: dict[Key, Interrupt] = {}
        self._renewed_us = clock.now_us()
        self._wake = threading.Event()
        self._cut = threading.Event()

    def wake(self) -> None:
        """Say that there may be something to claim. From any thread."""
        self._wake.set()

    def interrupt(self, keys: Collection[Key]) -> None:
        """Tell those who work on these claims, if they do so here, that they are to be ended. From any thread."""
        with self._lock:
            told = [self._interrupts[key] for key in keys if key in self._interrupts]
        for each in told:
            each.tell()

    def run(self, stop: threading.Event, *, drain_seconds: float = 7.0) -> None:
        """Claim until told to stop; then let work under way end for a while, and give back what is left of it."""
        self._take_over_from_predecessor()
        while not stop.is_set():
            self._wake.clear()
            try:
                claimed, pause = self.claim_free()
            except Unavailable as error:
                _log.warning("claiming waits", reason=error.message)
                claimed, pause = 0, FALLBACK_SECONDS
            if not claimed and not stop.is_set():
                self._wait(stop, pause)
        self._drain(drain_seconds)

    def claim_free(self) -> tuple[int, float]:
        """Claim for all free workers in one transaction. Return how many, and the seconds until more may be due."""
        begun, canceled = clock.now_us(), set[Key]()
        with self._lock:
            busy = Counter(claim.type for claim in self._held.values())
            hosts = Counter((claim.type, claim.host) for claim in self._held.values())
        taken: list[Claim] = []
        with self._db.write() as tx:
            now = now_us(tx)
            if slept := clock.now_us() - self._renewed_us > self._lease * _SLEPT * SECOND:
                canceled = self._extend(tx, now)
            while free := [type_ for type_ in self._pools if busy[type_] < self._size]:
                full = [pair for pair, count in hosts.items() if count >= self._share]
                found = storage.claimable(tx, now, free, full, self._size)
                for claim in found:
                    if busy[claim.type] >= self._size or hosts[claim.type, claim.host] >= self._share:
                        continue
                    mine = self._ledger.take(tx, claim, self._holder, self._lease)
                    if mine is not None:
                        taken.append(mine)
                        busy[claim.type] += 1
                        hosts[claim.type, claim.host] += 1
                if len(found) < self._size:
                    break
            due = storage.next_try(tx)
        if slept:
            self._renewed_us = begun
            self.interrupt(canceled)
        for claim in taken:
            self._start(claim)
        waiting = FALLBACK_SECONDS if due is None else (due - now) / SECOND
        return len(taken), FALLBACK_SECONDS if waiting <= 0 else min(FALLBACK_SECONDS, waiting)

    def renew(self, stop: threading.Event) -> None:
        """Thread body: keeps the leases of what is held, sees what of it is to be ended, and clears out what ended long
        ago.
        """
        purged = time.monotonic()
        while not stop.wait(self._lease * 0.3):
            try:
                self._renew()
                if time.monotonic() - purged > _PURGE_EVERY_SECONDS:
                    purged = time.monotonic()
                    with self._db.write() as tx:
                        storage.purge(tx, clock.now_us() - _KEPT_US)
            except Unavailable as error:
                _log.warning("leases not renewed", reason=error.message)

    def held(self) -> int:
        """Return how many claims are being worked on."""
        with self._lock:
            return len(self._held)

    def _renew(self) -> None:
        begun = clock.now_us()
        if self.held():
            with self._db.write() as tx:
                canceled = self._extend(tx, now_us(tx))
            self.interrupt(canceled)
        self._renewed_us = begun

    def _extend(self, tx: Tx, now: int) -> set[Key]:
        """Renew the leases of what is held; return what of it is to be ended."""
        with self._lock:
            # In the order in which everybody locks claims.
            held = sorted((key, claim.epoch) for key, claim in self._held.items())
        if not held:
            return set()
        storage.renew(tx, held, now + int(self._lease * SECOND))
        return set(storage.asked_to_end(tx, [key for key, _ in held]))

    def _take_over_from_predecessor(self) -> None:
        """On SQLite the lock on the file proves that whoever held claims is gone: no lease need be waited for."""
        if not self._db.alone:
            return
        with self._db.write() as tx:
            count = storage.expire_all(tx)
        if count:
            _log.warning("taking over from a predecessor that ended uncleanly", claims=count)

    def _start(self, claim: Claim) -> None:
        interrupt = Interrupt()
        with self._lock:
            self._held[claim.key], self._interrupts[claim.key] = claim, interrupt
        self._pools[claim.type].submit(self._turn, claim, interrupt)

    def _turn(self, claim: Claim, interrupt: Interrupt) -> None:
        try:
            self._work(claim, self._cut, interrupt)
        except Exception:
            _log.exception("worker crashed", claim=claim.key.ref)
        finally:
            with self._lock:
                if self._held.get(claim.key) is claim:
                    del self._held[claim.key], self._interrupts[claim.key]
            self.wake()

    def _wait(self, stop: threading.Event, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._wake.wait(min(left, 0.25)):
                return

    def _drain(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.held() and time.monotonic() < until:
            time.sleep(0.02)
        self._cut.set()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left = list(self._held.values())
        if left:
            _log.warning("giving back what was not finished", claims=len(left))
            try:
                with self._db.write() as tx:
                    for claim in left:
                        storage.release(tx, claim)
            except Unavailable as error:
                _log.warning("nothing given back: the leases will run out", reason=error.message)
