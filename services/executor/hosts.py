"""Keeps people and workers from hosts that do not answer: opens their breakers, probes them, and closes them again.

Claims that wait for such a host are told so, once, and that they go on when it answers. All is done from what the
database says, so that whoever dies in between, another executor or the next life of this one goes on with it.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from services.chassis import log
from services.chassis.bus.topics import HOST
from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import Unavailable
from services.executor import host_storage, wire
from services.executor.channels.api import Site
from services.executor.claims import Ledger
from services.executor.domain import breaker as rules
from services.executor.domain.breaker import Breaker, Health, Sign, Signs, State
from services.executor.domain.claims import Claim
from services.executor.domain.queues import Lane
from services.executor.probing import Answer, Probe, Probed
from services.executor.roster import Turn
from vahana.event.v1 import event_pb2

LOOK_SECONDS = 1.0
"""How long it may go unnoticed what another executor finds, and that a claim waits for a host that does not answer."""
AT_ONCE = 500
"""Most claims that are told of a host in one transaction."""
_PROBES = 8
_ACCOUNTS = 20
_log = log.get(__name__)

Rule = Callable[[Breaker, int], Breaker]
"""How a breaker is at a time, after something was seen of its host."""


class Hosts:
    """What this executor sees of hosts, and what all of them know."""

    def __init__(self, db: Database, ledger: Ledger, probe: Probe, turns: Callable[[], Sequence[Turn]]) -> None:
        """`turns` are those under way here."""
        self._db, self._ledger, self._probe, self._turns = db, ledger, probe, turns
        self._worked: deque[tuple[Claim, float, bool]] = deque()
        self._signs: defaultdict[str, Signs] = defaultdict(Signs)
        self._unwell: Mapping[str, Breaker] = {}
        self._barred: frozenset[str] = frozenset()
        self._probed: set[str] = set()
        self._pool = ThreadPoolExecutor(_PROBES, "probe")
        self._news = threading.Event()

    def barred(self) -> Collection[str]:
        """Return the hosts nobody is to begin at now. From any thread."""
        return self._barred

    def worked(self, claim: Claim, seconds: float, reached: bool) -> None:
        """Take note of a turn that has ended. From any thread."""
        self._worked.append((claim, seconds, reached))
        if not reached:
            self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Thread body."""
        while not stop.is_set():
            self._news.clear()
            pause = LOOK_SECONDS
            try:
                pause = self.tend()
            except Unavailable as error:
                _log.warning("hosts are not looked after", reason=error.message)
            if not stop.is_set():
                self._news.wait(pause)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tend(self) -> float:
        """Go round once; return the seconds until the next time, should nothing happen."""
        self._heed(time.monotonic())
        with self._db.read() as tx:
            self._unwell, told, now = host_storage.unwell(tx), host_storage.hosts_told(tx), now_us(tx)
        barred = {host: each for host, each in self._unwell.items() if each.barred}
        for host in self._barred - barred.keys():
            self._signs[host].reached(time.monotonic())
        self._barred = frozenset(barred)
        for each in barred.values():
            if each.next_probe_us <= now and each.host in told:
                self._probe_due(each)
        self._bar(barred)
        for host in sorted(told - barred.keys()):
            self._unbar(host)
        due = min((each.next_probe_us for each in barred.values() if each.next_probe_us > now), default=now + 10**6)
        return min(LOOK_SECONDS, (due - now) / 1_000_000)

    def _heed(self, now: float) -> None:
        """Follow from what this executor has seen since the last time."""
        for _ in range(len(self._worked)):
            claim, seconds, reached = self._worked.popleft()
            signs = self._signs[claim.host]
            self._follow(claim, signs.worked(now, seconds, reached=reached, fast=claim.lane == Lane.FAST), now)
        under_way: defaultdict[str, list[Turn]] = defaultdict(list)
        for turn in self._turns():
            if not turn.over:
                under_way[turn.claim.host].append(turn)
        for host, turns in under_way.items():
            if self._signs[host].hangs(now, [turn.began for turn in turns]):
                self._doubt(turns[0].claim, now)

    def _follow(self, claim: Claim, sign: Sign, now: float) -> None:
        match sign:
            case Sign.LOST:
                reason = f"{rules.LOST_IN_A_ROW} turns in a row did not reach it"
                self._change(claim.host, lambda breaker, at: rules.opened(breaker, at, reason))
            case Sign.DOUBT:
                self._doubt(claim, now)
            case Sign.SLOW | Sign.QUICK:
                known = self._unwell.get(claim.host, Breaker(claim.host))
                if (known.health == Health.SLOW) is not (sign is Sign.SLOW):
                    self._change(claim.host, lambda breaker, at: rules.paced(breaker, at, sign is Sign.SLOW))

    def _doubt(self, claim: Claim, now: float) -> None:
        """Probe a host nobody is kept from, unless that was done just now."""
        signs = self._signs[claim.host]
        if claim.host not in self._barred and not signs.was_doubted(now):
            signs.doubted_at = now
            self._start_probe(claim)

    def _probe_due(self, breaker: Breaker) -> None:
        """Probe a host that does not answer, unless another executor does."""
        with self._db.read() as tx:
            waiting = host_storage.accounts(tx, breaker.host, _ACCOUNTS)
        if waiting and breaker.host not in self._probed:
            begun = self._change(breaker.host, rules.probing)
            if begun is not None and begun.state == State.HALF_OPEN:
                self._start_probe(random.choice(waiting))  # noqa: S311 - so that no account stands in the way of others

    def _start_probe(self, claim: Claim) -> None:
        if claim.host not in self._probed:
            self._probed.add(claim.host)
            target = event_pb2.TaskDispatched.FromString(claim.dispatch).target
            self._pool.submit(self._make_probe, claim.host, wire.site_of(claim.tenant, target))

    def _make_probe(self, host: str, site: Site) -> None:
        try:
            probed = self._probe(site)
            if probed.answer is Answer.REACHED:
                self._signs[host].reached(time.monotonic())
            self._change(host, lambda breaker, at: _after(probed, breaker, at))
        except Unavailable as error:
            _log.warning("what a probe found is not written", host=host, reason=error.message)
        except Exception:
            _log.exception("a probe failed", host=host)
        finally:
            self._probed.discard(host)
            self._news.set()

    def _change(self, host: str, rule: Rule) -> Breaker | None:
        """Change a host's breaker and tell of its health; None where there is nothing to change, or another did."""
        return self._db.together(lambda tx: self._changed(tx, host, rule))

    def _changed(self, tx: Tx, host: str, rule: Rule) -> Breaker | None:
        before, now = host_storage.find(tx, host), now_us(tx)
        after = rule(before, now)
        written = host_storage.put(tx, before, after) if after != before else None
        if written is not None and written.seq > before.seq:
            key = wire.host_key(host)
            self._ledger.outbox.add(tx, HOST, key, wire.health_changed(written, now), f"host/{key[:190]}")
            _log.warning("a host changed", host=host, health=Health(written.health).name, reason=written.reason)
        return written

    def _bar(self, barred: Mapping[str, Breaker]) -> None:
        """Tell claims that are due at hosts that do not answer; fail those that were told, and whose budgets end."""
        more = bool(barred)
        while more:
            with self._db.write() as tx:
                found = host_storage.due(tx, barred, now_us(tx), AT_ONCE)
                for host in sorted({claim.host for claim in found}):
                    here = [claim for claim in found if claim.host == host]
                    self._ledger.bar(tx, here, barred[host])
            more = len(found) == AT_ONCE

    def _unbar(self, host: str) -> None:
        """Let those go on who were told of a host that answers again."""
        more = True
        while more:
            with self._db.write() as tx:
                found = host_storage.told(tx, host, AT_ONCE)
                self._ledger.unbar(tx, found)
            more = len(found) == AT_ONCE


def _after(probed: Probed, breaker: Breaker, now: int) -> Breaker:
    match probed.answer:
        case Answer.REACHED:
            return rules.closed(breaker, now)
        case Answer.SILENT:
            return rules.probe_failed(breaker, now, probed.reason)
        case Answer.UNTOLD:
            return rules.probe_untold(breaker, now)
