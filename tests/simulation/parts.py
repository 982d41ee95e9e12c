"""What all services consist of, as threads of the kernel: relays, consumers, and pools whose work are threads too."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from services.chassis.bus.api import Received, TopicPartition
from services.chassis.bus.topics import Topic
from services.chassis.consume import Closed, ConsumerLoop, Handle
from services.chassis.db import Database
from services.chassis.outbox import Outbox
from services.chassis.parked import Parked
from services.chassis.relay import FALLBACK_SECONDS, QUIET_SECONDS, Relay
from tests.simulation.bus import Member, Producer, SimulatedBus
from tests.simulation.kernel import Instance, Kernel, Thread

_BATCH = 500


class Wake:
    """In place of an event that a loop waits for: setting it gives the thread its turn."""

    def __init__(self, thread: Thread) -> None:
        self._thread = thread

    def set(self) -> None:
        """Give the turn."""
        self._thread.wake()

    def clear(self) -> None:
        """Take the turn given as taken."""
        self._thread.heed()

    def is_set(self) -> bool:
        """Whether a turn was given since."""
        return self._thread.woken()


class Flag:
    """In place of an event that is polled: waiting lets others go on."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._set = kernel, False

    def set(self) -> None:
        """See threading.Event."""
        self._set = True

    def is_set(self) -> bool:
        """See threading.Event."""
        return self._set

    def wait(self, seconds: float) -> bool:
        """See threading.Event."""
        self._kernel.sleep(seconds)
        return self._set


class Pool:
    """In place of a pool of threads."""

    def __init__(self, kernel: Kernel, instance: Instance) -> None:
        self._kernel, self._instance = kernel, instance

    def submit(self, work: Callable[..., None], *arguments: Any) -> None:
        """See Executor: the work is a thread of one turn."""
        self._kernel.spawn(self._instance, "work", lambda: work(*arguments))


class _Turn:
    """A consumer for one turn of its loop: one batch, quiet in which it is committed, and the word to stop."""

    def __init__(self, member: Member, stop: Flag) -> None:
        self._member, self._stop, self._polls = member, stop, 0
        self.commit, self.retain = member.commit, member.retain

    def poll(self, _timeout_s: float, limit: int, closed: Collection[TopicPartition] = ()) -> list[Received]:
        """See bus.api."""
        self._polls += 1
        if self._polls == 1:
            return self._member.poll(limit, closed)
        if self._polls > 2:
            self._stop.set()
        return []

    def handled(self, received: Sequence[Received]) -> None:
        """See bus.api; it is committed at the end of the turn."""


class _Consuming:
    """A consumer loop, a turn at a time."""

    def __init__(self, bus: SimulatedBus, group: str, topics: Sequence[Topic], loop: ConsumerLoop) -> None:
        self._bus, self._group, self._topics, self._loop = bus, group, topics, loop
        self._member: Member | None = None

    def step(self) -> float:
        """Take a batch, or begin anew where the topics are others."""
        stop = Flag(self._bus.kernel)
        if self._member is None:
            self._loop._topics_exist(stop)
            self._member = self._bus.consumer(self._group, self._topics, self._loop._incarnations.stale)
        self._loop._consume(_Turn(self._member, stop), stop)
        if stop.is_set():
            return self._member.rest()
        self._member.close()
        self._member = None
        return 0.0


class _Sending:
    """A relay, a turn at a time."""

    def __init__(self, bus: SimulatedBus, relay: Relay) -> None:
        self._bus, self._relay, self._ready = bus, relay, False

    def step(self) -> float:
        """Send what there is, and mark it once there is nothing more."""
        ready, self._ready = self._ready, False
        if not ready or self._relay._incarnations.changed():
            self._relay._begin()
        sent = self._relay.drain(Producer(self._bus), Flag(self._bus.kernel))
        self._ready = True
        if not sent:
            self._relay.mark()
        return QUIET_SECONDS if sent else FALLBACK_SECONDS


def consume(
    bus: SimulatedBus,
    instance: Instance,
    group: str,
    topics: Sequence[Topic],
    handle: Handle,
    db: Database,
    name: str,
    closed: Closed = tuple,
) -> None:
    """Have an instance handle the messages of topics."""
    loop = ConsumerLoop(bus, group, topics, handle, db, Parked(db.metadata), name, _BATCH, closed)
    bus.kernel.spawn(instance, f"consume-{name}", _Consuming(bus, group, topics, loop).step)


def relay(bus: SimulatedBus, instance: Instance, outbox: Outbox, db: Database) -> None:
    """Have an instance send what its outbox holds."""
    sending = _Sending(bus, Relay(db, outbox, bus, source=instance.name))
    outbox.committed = Wake(bus.kernel.spawn(instance, "relay", sending.step))
