"""What all services consist of, as threads of the kernel: relays, consumers, and pools whose work are threads too."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from services.chassis.bus.api import Received, TopicPartition
from services.chassis.bus.topics import Topic
from services.chassis.consume import ConsumerLoop, Handle
from services.chassis.db import Database
from services.chassis.outbox import Outbox
from services.chassis.parked import Parked
from services.chassis.relay import FALLBACK_SECONDS, QUIET_SECONDS, Relay
from tests.simulation.bus import Member, Port, Producer, SimulatedBus
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
        """Nothing: a turn given is taken once."""


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
    """The bus for one turn of a consumer loop: one batch, and then the loop is told to stop."""

    def __init__(self, port: Port, stop: Flag) -> None:
        self._port, self._stop, self._polled = port, stop, False

    def consumer(self, group: str, topics: Sequence[Topic], stale: Callable[[TopicPartition], bool]) -> "_Turn":
        """See bus.api."""
        self.member: Member = self._port.consumer(group, topics)
        self.member.stale = stale
        return self

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See bus.api."""

    def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """See bus.api."""
        return self._port.topic_ids(topics)

    def poll(self, _timeout_s: float, limit: int) -> list[Received]:
        """See bus.api."""
        if self._polled:
            self._stop.set()
            return []
        self._polled = True
        return self.member.poll(limit)

    def commit(self, received: Sequence[Received]) -> None:
        """See bus.api."""
        self.member.commit(received)

    def retain(self, received: Sequence[Received]) -> list[Received]:
        """See bus.api."""
        return self.member.retain(received)

    def close(self) -> None:
        """See bus.api; the member stays for the next turn."""


def consume(
    bus: SimulatedBus, instance: Instance, group: str, topics: Sequence[Topic], handle: Handle, db: Database, name: str
) -> None:
    """Have an instance handle the messages of topics."""
    kernel, port = bus.kernel, Port(bus)

    def step() -> float:
        stop = Flag(kernel)
        turn = _Turn(port, stop)
        ConsumerLoop(turn, group, topics, handle, db, Parked(db.metadata), name, _BATCH).run(stop)
        return turn.member.rest()

    kernel.spawn(instance, f"consume-{name}", step)


def relay(bus: SimulatedBus, instance: Instance, outbox: Outbox, db: Database) -> None:
    """Have an instance send what its outbox holds."""
    kernel, sender = bus.kernel, Relay(db, outbox, bus, source=instance.name)

    def step() -> float:
        sent = sender.drain(Producer(bus), Flag(kernel))
        if not sent:
            sender.mark()
        return QUIET_SECONDS if sent else FALLBACK_SECONDS

    thread = kernel.spawn(instance, "relay", step)
    outbox.committed = Wake(thread)
