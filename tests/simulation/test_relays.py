"""Two relays of one database, and a broker that loses everything between them: found by the simulation."""

from collections.abc import Callable, Sequence

import pytest

from services.chassis.bus.api import Message
from services.chassis.bus.topics import STATUS
from services.chassis.errors import Unavailable
from services.chassis.outbox import Outbox
from services.chassis.relay import Relay
from services.scheduler.schema import metadata
from tests.simulation.bus import Producer, SimulatedBus
from tests.simulation.kernel import Kernel
from tests.simulation.parts import Flag
from tests.simulation.seams import seams
from tests.simulation.world import databases
from vahana.event.v1 import event_pb2


class Broker(Producer):
    """Acknowledges what it is given, and calls `then` before the relay goes on."""

    def __init__(self, bus: SimulatedBus, then: Callable[[], None]) -> None:
        super().__init__(bus)
        self._then = then

    def publish(self, messages: Sequence[Message]) -> None:
        """See bus.api."""
        super().publish(messages)
        self._then()


def test_what_was_lost_is_not_marked_by_a_relay_that_missed_the_loss() -> None:
    kernel, db, outbox = Kernel(0, faults=0), databases().scheduler, Outbox(metadata)
    db.begin(kernel)
    bus = SimulatedBus(kernel)

    def lose() -> None:
        bus.wipe()
        other._begin()

    with seams(kernel, []):
        stopped, other = (Relay(db, outbox, bus, source="scheduler") for _ in range(2))
        stopped._begin()
        with db.write() as tx:
            outbox.add(tx, STATUS, "proc-1", event_pb2.Envelope(id="m-1").SerializeToString())
        assert stopped.drain(Broker(bus, lose), Flag(kernel)) == 1
        with pytest.raises(Unavailable):
            stopped.mark()
        assert not any(bus.records.values())

        stopped._begin()
        assert stopped.drain(Producer(bus), Flag(kernel)) == 1
    assert sum(map(len, bus.records.values())) == 1
