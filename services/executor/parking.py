"""Tells the scheduler of messages about processes that are parked here: it pauses those processes."""

from services.chassis import clock
from services.chassis.bus.topics import PROCESS
from services.chassis.db import Tx
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox
from services.chassis.parked import Place
from services.executor.reading import LONGEST_ID
from services.executor.wire import SOURCE
from vahana.event.v1 import event_pb2


class Parking:
    """Watches what is parked. Whose a process is the scheduler knows: it passes over what is another tenant's."""

    def __init__(self, outbox: Outbox) -> None:
        """Tell by `outbox`."""
        self._outbox = outbox

    def parked(self, tx: Tx, place: Place, envelope: event_pb2.Envelope, reason: str) -> None:
        """Tell of a message that is set aside."""
        self._tell(tx, place, envelope, parked=True, reason=reason)

    def released(self, tx: Tx, place: Place, envelope: event_pb2.Envelope) -> None:
        """Tell that it is not any longer."""
        self._tell(tx, place, envelope, parked=False)

    def _tell(self, tx: Tx, place: Place, about: event_pb2.Envelope, *, parked: bool, reason: str = "") -> None:
        process_id = about.aggregate_id
        if len(process_id) > LONGEST_ID:
            # No process has such an id.
            return
        told = event_pb2.Envelope(
            # The same message may be parked again once it was released.
            id=new_id("parking"),
            tenant=about.tenant,
            aggregate_id=process_id,
            source=SOURCE,
            time=clock.to_timestamp(clock.now_us()),
            parking_changed=event_pb2.ParkingChanged(
                process_id=process_id, **place._asdict(), parked=parked, reason=reason
            ),
        )
        self._outbox.add(tx, PROCESS, process_id, told.SerializeToString())
