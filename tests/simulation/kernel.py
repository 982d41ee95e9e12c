"""The machine the simulated services run on: one thread of Python, a clock of its own, and dice thrown by a seed.

A service is an `Instance`, as an operating-system process would be, and each of its loops a `Thread` whose step is one
turn of the loop, run on the real code. Whatever leaves the code's own memory (a transaction, a publication, an offset
commit, an answer of a host or a peer) passes a `boundary`: time goes by there, others may take their turns, and the
dice may have the instance crash, or stop for so long that its leases expire, before it goes on where it stood.

Turns of others are taken inside of the call that waits, so that of two that wait the later one goes on first. Nothing
else is random: one seed is one history.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from services.chassis.errors import Unavailable

SECOND = 1_000_000
_START_US = 1_700_000_000 * SECOND
_NEVER = 2**62
_DEEPEST = 4
"""So many calls wait inside one another at most."""
_SWITCHES = 0.12
"""How often others take turns at a boundary without anything being wrong."""
_IDLE, _LATEST = 0.9, 8
"""From so many seconds on a loop rests because it knows of nothing to do; it may oversleep by that factor."""
_LONGEST_TRACE = 50_000
"""Ten times what the busiest seeds need."""
_LATENCY_US = 200_000
_AFTER_TROUBLE = 0.3
"""Seconds after which a loop that met an outage goes on."""


_ANYWHERE = ("crash", "stop")
_FAULTS = (
    *_ANYWHERE * 4,
    *("database away", "commit refused", "commit unanswered", "experiment away", "answer lost"),
    *("not published", "published in part", "delayed", "wiped", "not committed"),
    *("unreachable", "silent", "disk full", "odd failure", "sent twice"),
)
"""What goes wrong, as often as it stands here."""
_PATIENCE = 60
"""Boundaries after which another fault is drawn, where none has passed that the last one fits."""


class Crashed(BaseException):
    """The instance whose code this unwinds is no more."""


class RestlessError(Exception):
    """So much happened that it will never end."""


@dataclass(eq=False)
class Instance:
    """A process that can be killed and stopped. `start` puts it together: it spawns the threads. What is `outside` of
    the mesh is neither.
    """

    name: str
    start: "Callable[[Instance], None]"
    outside: bool = False
    life: int = 0
    """Counts its deaths."""
    stopped: bool = False


@dataclass(eq=False)
class Thread:
    """A loop of an instance. `step` takes a turn and returns the seconds to rest; None: it has ended."""

    name: str
    instance: Instance
    step: Callable[[], float | None]
    due_us: int
    kernel: "Kernel"
    life: int = field(init=False)
    busy: bool = False

    def __post_init__(self) -> None:
        self.life = self.instance.life

    def wake(self) -> None:
        """Have it take its next turn soon: news takes a moment to arrive, and more may come with it."""
        self.due_us = min(self.due_us, self.kernel.now_us + self.kernel.dice.randrange(_LATENCY_US))

    def woken(self) -> bool:
        """Whether it was woken in this turn, for the next one."""
        return self.due_us != _NEVER

    def heed(self) -> None:
        """Take what it was woken for in this turn."""
        self.due_us = _NEVER

    def check(self) -> None:
        """Raise Crashed where its instance was killed meanwhile."""
        if self.instance.life != self.life:
            raise Crashed


class Kernel:
    """Runs threads, one turn at a time, in the order the dice give."""

    def __init__(self, seed: int, faults: int) -> None:
        """`faults`: how many things go wrong before all that is wrong ends."""
        self.dice = Random(seed)
        self.now_us = _START_US
        self.faults: Counter[str] = Counter()
        self.faults_left = faults
        self.on_gone: list[Callable[[Instance], None]] = []
        """Called with an instance that has crashed or falls silent for long."""
        self.trace: list[tuple[int, str, str]] = []
        self.current: Thread | None = None
        self.turns = 0
        self._threads: list[Thread] = []
        self._machine = Instance("machine", lambda _: None, outside=True)
        self._depth = 0
        self._until_fault = self.dice.randint(5, 50)
        self._wanted = ""

    def start(self, instance: Instance) -> None:
        """Start an instance, or start it anew."""
        self.note(f"{instance.name} starts")
        instance.start(instance)

    def spawn(self, instance: Instance, name: str, step: Callable[[], float | None], after: float = 0.0) -> Thread:
        """Add a thread to an instance, due in `after` seconds."""
        thread = Thread(f"{instance.name}/{name}", instance, step, self.now_us + int(after * SECOND), self)
        self._threads.append(thread)
        return thread

    def here(self) -> Instance:
        """The instance whose turn it is."""
        return self.current.instance if self.current is not None else self._machine

    def run(self, done: Callable[[], bool], until_us: int) -> None:
        """Give turns until `done`, or until then."""
        while self.now_us < until_us and not done():
            thread = self._next(until_us)
            if thread is None:
                self.now_us = until_us
                return
            self._turn(thread)

    def boundary(self, place: str, *troubles: str) -> str:
        """Pass a point where the code at hand can be interrupted. Returns the trouble of this place that the dice want,
        of `troubles`; "" for none.
        """
        thread = self.current
        if thread is None:
            return ""
        self.note(place)
        self.now_us += self.dice.randrange(100, 3000)
        trouble = self._fault(thread.instance, troubles)
        if trouble == "crash":
            self._crash(thread.instance)
        elif trouble == "stop":
            self._stop(thread.instance)
        elif self.dice.random() < _SWITCHES:
            self._others(_NEVER, self.dice.randint(1, 4))
        thread.check()
        return trouble

    def sleep(self, seconds: float) -> None:
        """Let others go on for a while."""
        thread = self.current
        self._others(self.now_us + int(seconds * SECOND) + 1)
        if thread is not None:
            thread.check()

    def note(self, what: str) -> None:
        """Put a line into the trace."""
        if len(self.trace) == _LONGEST_TRACE:
            raise RestlessError
        self.trace.append((self.now_us, self.current.name if self.current else "machine", what))

    def told(self) -> list[str]:
        """The trace, readable."""
        return [f"{(at - _START_US) / SECOND:11.6f} {who:28} {what}" for at, who, what in self.trace]

    def _fault(self, instance: Instance, troubles: tuple[str, ...]) -> str:
        """The next fault, where its time has come: which one is drawn first, and then waited for a place it fits."""
        self._until_fault -= 1
        if self._until_fault > 0 or self.faults_left == 0:
            return ""
        if self._until_fault % _PATIENCE == 0:
            self._wanted = self.dice.choice(_FAULTS)
        fault = self._wanted
        if fault not in troubles and (fault not in _ANYWHERE or instance.outside):
            return ""
        self._until_fault = self.dice.randint(4, 50)
        self.faults_left -= 1
        self.faults[fault] += 1
        self.note(f"FAULT {fault}")
        return fault

    def _crash(self, instance: Instance) -> None:
        instance.life += 1
        self._threads = [thread for thread in self._threads if thread.instance is not instance]
        self._gone(instance)
        self.spawn(self._machine, f"start {instance.name}", lambda: self.start(instance), self.dice.random() * 3)

    def _stop(self, instance: Instance) -> None:
        seconds = self.dice.choice((0.5, 3, 15, 25))
        instance.stopped = True
        if seconds > 1:
            self._gone(instance)
        self._others(self.now_us + int(seconds * SECOND))
        instance.stopped = False
        self.note(f"{instance.name} goes on")

    def _gone(self, instance: Instance) -> None:
        for tell in self.on_gone:
            tell(instance)

    def _others(self, until_us: int, turns: int = _NEVER) -> None:
        if self._depth == _DEEPEST:
            self.now_us = max(self.now_us, until_us if until_us != _NEVER else 0)
            return
        self._depth += 1
        last = self.turns + turns
        try:
            while self.now_us < until_us and self.turns < last:
                # Where only a number of turns is asked for, nobody waits for time to pass.
                thread = self._next(until_us if until_us != _NEVER else self.now_us)
                if thread is None:
                    self.now_us = max(self.now_us, until_us if until_us != _NEVER else 0)
                    return
                self._turn(thread)
        finally:
            self._depth -= 1

    def _next(self, until_us: int) -> Thread | None:
        free = [thread for thread in self._threads if not thread.busy and not thread.instance.stopped]
        ready = [thread for thread in free if thread.due_us <= self.now_us]
        if not ready:
            soonest = min((thread.due_us for thread in free), default=_NEVER)
            if soonest >= until_us:
                return None
            self.now_us = soonest
            ready = [thread for thread in free if thread.due_us <= soonest]
        return self.dice.choice(ready)

    def _turn(self, thread: Thread) -> None:
        before, self.current, thread.busy = self.current, thread, True
        self.turns += 1
        thread.due_us = _NEVER
        rest: float | None = _AFTER_TROUBLE
        try:
            rest = thread.step()
        except Unavailable as error:
            self.note(f"waits: {error.message}")
        except Crashed:
            rest = None
        finally:
            self.current, thread.busy = before, False
        if rest is not None:
            # Who looks only in case may be late; whoever woke it meanwhile has it go on at once.
            late = self.dice.random() * _LATEST if rest >= _IDLE else 1
            thread.due_us = min(thread.due_us, self.now_us + int(rest * late * SECOND))
        elif thread in self._threads:
            self._threads.remove(thread)
