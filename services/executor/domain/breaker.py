"""The circuit breaker of a host: when nobody is to begin there, and when that is over. Pure.

What opens it is that the host is not reached. A refused login, a full disk or a quota is trouble of one account: others
may work there well, and each attempt waits for itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum

from services.executor.backoff import SECOND
from services.executor.domain.troubles import Condition

LOST_IN_A_ROW = 3
"""So many turns in a row that did not reach the host open its breaker."""
SLOW_SECONDS = 5.0
"""A turn in the fast lane that takes longer than this is slow; one that is under way for longer may hang."""
HANGING = 3
"""So many turns under way for SLOW_SECONDS, while no other turn has reached the host, have it probed: whether it hangs
or their work is long only the probe can tell. It ends within 4 s where a host accepts a connection and then says
nothing, so such a host is barred within 10 s.
"""
DOUBTED_AGAIN_SECONDS = 15.0
"""How soon after a probe that found nothing wrong the same doubt has a host probed again."""
CHANGES_PACE = 3
"""So many slow turns in a row make a host SLOW, so many quick ones make it HEALTHY again."""
FIRST_PROBE_US, LONGEST_PROBE_US = 2 * SECOND, 60 * SECOND
"""Between the probes of a host that does not answer: 2, 4, 8, … s, at most 60 s."""
PROBE_LOST_US = 30 * SECOND
"""A probe that has told nothing for so long was lost with its executor; another one is made."""


class State(IntEnum):
    """Of a breaker."""

    CLOSED = 1
    """Whoever has a seat begins."""
    OPEN = 2
    """Nobody begins, until a probe has reached the host."""
    HALF_OPEN = 3
    """Nobody begins, and a probe is under way."""


class Health(IntEnum):
    """The numbers of vahana.event.v1.HostHealth."""

    HEALTHY = 1
    SLOW = 2
    UNREACHABLE = 3


@dataclass(frozen=True, slots=True)
class Breaker:
    """One row. Times are microseconds on the database's clock."""

    host: str
    """`address:port`."""
    state: int = State.CLOSED
    health: int = Health.HEALTHY
    reason: str = ""
    """Why it is not healthy, for people."""
    condition: str = ""
    """The same for programs, a Condition; empty for none."""
    since_us: int = 0
    """When it came to be as healthy as it is."""
    next_probe_us: int = 0
    """When it is probed next, or the probe under way counts as lost; 0 while the breaker is closed."""
    probes: int = 0
    """Probes in a row that have failed."""
    seq: int = 0
    """Changes of its health told so far."""
    version: int = 0
    """Raised by every write; 0: it is not stored yet."""

    @property
    def barred(self) -> bool:
        """Whether nobody is to begin at the host."""
        return self.health == Health.UNREACHABLE


def spoken(breaker: Breaker) -> str:
    """Why nobody begins at the host, and when it is tried again: a sentence for who waits for it."""
    trying = breaker.state == State.HALF_OPEN
    again = "being tried now" if trying else f"tried again at {_clock(breaker.next_probe_us)}"
    return f"{_silent(breaker)}; it is {again}"


def spoken_last(breaker: Breaker) -> str:
    """The same for who waits no longer: what was seen of the host last."""
    return f"{_silent(breaker)} ({breaker.reason})"


def _silent(breaker: Breaker) -> str:
    return f"host {breaker.host} does not answer since {_clock(breaker.since_us)}"


def opened(breaker: Breaker, now: int, reason: str) -> Breaker:
    """The host was not reached."""
    if breaker.barred:
        return breaker
    told = _told(breaker, Health.UNREACHABLE, now, reason, Condition.HOST_UNREACHABLE)
    return replace(told, state=State.OPEN, next_probe_us=now + FIRST_PROBE_US, probes=0)


def probing(breaker: Breaker, now: int) -> Breaker:
    """A probe that is due begins."""
    if breaker.state == State.CLOSED or breaker.next_probe_us > now:
        return breaker
    return replace(breaker, state=State.HALF_OPEN, next_probe_us=now + PROBE_LOST_US)


def probe_failed(breaker: Breaker, now: int, reason: str) -> Breaker:
    """A probe did not reach the host; where nobody was kept from it, nobody begins there from now on."""
    if not breaker.barred:
        return opened(breaker, now, reason)
    probes = breaker.probes + 1
    wait = min(LONGEST_PROBE_US, FIRST_PROBE_US << min(probes, 20))
    return replace(breaker, state=State.OPEN, reason=reason, probes=probes, next_probe_us=now + wait)


def probe_untold(breaker: Breaker, now: int) -> Breaker:
    """A probe could not be made, for a reason that is not the host's: it is made again, and does not count."""
    return replace(breaker, state=State.OPEN, next_probe_us=now + FIRST_PROBE_US) if breaker.barred else breaker


def closed(breaker: Breaker, now: int) -> Breaker:
    """A probe has reached the host."""
    if not breaker.barred:
        return breaker
    return replace(_told(breaker, Health.HEALTHY, now), state=State.CLOSED, next_probe_us=0, probes=0)


def paced(breaker: Breaker, now: int, slow: bool) -> Breaker:
    """The host answers, slowly or not; one that does not answer has to do so first."""
    health = Health.SLOW if slow else Health.HEALTHY
    if breaker.barred or breaker.health == health:
        return breaker
    reason = f"{CHANGES_PACE} turns in a row took over {SLOW_SECONDS:.0f} s" if slow else ""
    return _told(breaker, health, now, reason)


def _told(
    breaker: Breaker, health: Health, now: int, reason: str = "", condition: Condition = Condition.UNSPECIFIED
) -> Breaker:
    why = "" if condition is Condition.UNSPECIFIED else str(condition)
    return replace(breaker, health=health, reason=reason, condition=why, since_us=now, seq=breaker.seq + 1)


def _clock(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // SECOND, UTC):%H:%M:%S} UTC"


class Sign(IntEnum):
    """What the turns at a host say about it."""

    NOTHING = 0
    DOUBT = 1
    """One was lost: a probe tells whether the host is."""
    LOST = 2
    """LOST_IN_A_ROW."""
    SLOW = 3
    QUICK = 4


@dataclass(slots=True)
class Signs:
    """What one executor has seen of one host. Times are seconds on a clock that only goes forward."""

    lost: int = 0
    slow: int = 0
    quick: int = 0
    reached_at: float = field(default=-1e9)
    """When a turn that has reached the host ended last, or a probe."""
    doubted_at: float = field(default=-1e9)
    """When it was probed for a doubt last."""

    def worked(self, now: float, seconds: float, *, reached: bool, fast: bool) -> Sign:
        """A turn has ended. `fast`: it was expected to be; `seconds`: how long it took."""
        if not reached:
            return self._lost_one() if now - seconds > self.reached_at else Sign.NOTHING
        self.reached(now)
        if seconds <= SLOW_SECONDS:
            self.slow, self.quick = 0, self.quick + 1
            return Sign.QUICK if self.quick >= CHANGES_PACE else Sign.NOTHING
        if not fast:
            return Sign.NOTHING
        self.slow, self.quick = self.slow + 1, 0
        return Sign.SLOW if self.slow >= CHANGES_PACE else Sign.NOTHING

    def reached(self, now: float) -> None:
        """The host was reached: what began before and was lost says nothing of it any more."""
        self.lost, self.reached_at = 0, now

    def _lost_one(self) -> Sign:
        self.lost, self.quick = self.lost + 1, 0
        return Sign.LOST if self.lost >= LOST_IN_A_ROW else Sign.DOUBT

    def hangs(self, now: float, begun: Collection[float]) -> bool:
        """Whether turns under way that began then may hang, and nobody has looked lately."""
        if self.was_doubted(now):
            return False
        if now - self.reached_at < SLOW_SECONDS:
            return False
        return sum(at <= now - SLOW_SECONDS for at in begun) >= HANGING

    def was_doubted(self, now: float) -> bool:
        """Whether it was probed for a doubt just now."""
        return now - self.doubted_at < DOUBTED_AGAIN_SECONDS
