"""Looks after jobs: one poller an account, one command for all its jobs, at an interval its cost decides."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from services.chassis import log
from services.chassis.db import Database, now_us
from services.chassis.errors import Refusal, Unavailable
from services.chassis.leases import Leases
from services.executor import storage
from services.executor.backoff import Backoff
from services.executor.claims import Ledger
from services.executor.domain.claims import Claim
from services.executor.domain.troubles import Condition, Trouble, Waiting
from services.executor.looking import Look, Verdict

FALLBACK_SECONDS = 1.0
"""How long what another executor accepts may go unnoticed."""
LEASE_SECONDS = 10.0
_COST_FACTOR = 5.0
_THREADS = 32
_log = log.get(__name__)


@dataclass
class _Account:
    """What this executor remembers of an account it polls."""

    due: float = 0.0
    busy: bool = False
    failures: int = 0
    leased_until: float = 0.0


class Watcher:
    """Polls the accounts with watched claims. Of several executors one polls an account: it holds the lease."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        look: Look,
        *,
        holder: str,
        interval_seconds: float = 0.3,
        backoff: Backoff | None = None,
    ) -> None:
        """`look` looks at all jobs of an account; `interval_seconds` is the shortest time between two looks."""
        self._db, self._ledger, self._look, self._holder = db, ledger, look, holder
        self._interval, self._backoff = interval_seconds, backoff or Backoff()
        self._random = Random()  # noqa: S311 - jitter
        self._leases = None if db.alone else Leases(db.metadata)
        self._accounts: dict[str, _Account] = {}
        self._pool = ThreadPoolExecutor(_THREADS, "poll")
        self._wake = threading.Event()

    def wake(self) -> None:
        """Say that there may be a new job to watch. From any thread."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Thread body: poll until told to stop."""
        while not stop.is_set():
            self._wake.clear()
            try:
                pause = self._start_due()
            except Unavailable as error:
                _log.warning("watching waits", reason=error.message)
                pause = FALLBACK_SECONDS
            if not stop.is_set():
                self._wake.wait(pause)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start_due(self) -> float:
        """Start the polls that are due; return the seconds until the next may be."""
        with self._db.read() as tx:
            names = storage.watched_accounts(tx)
        for gone in [name for name, known in self._accounts.items() if name not in names and not known.busy]:
            del self._accounts[gone]
        now, pause = time.monotonic(), FALLBACK_SECONDS
        for name in names:
            account = self._accounts.setdefault(name, _Account())
            if account.busy:
                continue
            if account.due <= now:
                account.busy = True
                self._pool.submit(self._poll_account, name, account)
            else:
                pause = min(pause, account.due - now)
        return pause

    def _poll_account(self, name: str, account: _Account) -> None:
        began, wait = time.monotonic(), self._interval
        try:
            if self._mine(name, account):
                trouble = self.poll(name)
            else:
                trouble, wait = None, LEASE_SECONDS / 3
            account.failures = account.failures + 1 if isinstance(trouble, Waiting) else 0
        except Unavailable as error:
            _log.warning("watching waits", reason=error.message)
        except Exception:
            _log.exception("poller crashed", account=name)
            account.failures += 1
        cost = time.monotonic() - began
        account.due = time.monotonic() + max(wait, _COST_FACTOR * cost)
        if account.failures:
            account.due = time.monotonic() + self._backoff.seconds(account.failures, self._random)
        account.busy = False
        self._wake.set()

    def _mine(self, name: str, account: _Account) -> bool:
        if self._leases is None:
            return True
        if time.monotonic() > account.leased_until:
            with self._db.write() as tx:
                if self._leases.acquire(tx, f"watch/{name}", self._holder, LEASE_SECONDS) is None:
                    return False
            account.leased_until = time.monotonic() + LEASE_SECONDS / 3
        return True

    def poll(self, name: str) -> Trouble | None:
        """Look at all jobs of an account once and write what changed. Return the trouble that kept it from looking."""
        with self._db.read() as tx:
            claims, now = storage.watched(tx, name), now_us(tx)
        if not claims:
            return None
        try:
            verdicts = self._look(claims, now)
        except Exception as error:
            trouble = error if isinstance(error, Trouble) else _unforeseen(error)
            self._write([(claim, trouble) for claim in claims])
            return trouble
        changed = [(claim, verdict) for claim, verdict in zip(claims, verdicts, strict=True) if _news(claim, verdict)]
        self._write(changed)
        return None

    def _write(self, verdicts: Sequence[tuple[Claim, Verdict]]) -> None:
        if not verdicts:
            return
        self._db.together(lambda tx: self._ledger.settle(tx, verdicts))


def _unforeseen(error: Exception) -> Trouble:
    """A defect, or a refusal of another service: told to people too, and given up in the end like other troubles."""
    _log.error("looking at jobs failed", exc_info=error)
    if isinstance(error, Refusal):
        return Waiting(Condition.UNKNOWN, f"a service of the mesh refused: {error.message}")
    return Waiting(Condition.UNKNOWN, f"the executor met something it does not know: {type(error).__name__}")


def _news(claim: Claim, verdict: Verdict) -> bool:
    return verdict is not None or claim.blocked
