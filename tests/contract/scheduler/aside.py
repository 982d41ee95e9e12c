"""What tests of parked messages share: the scheduler's own, those executors tell of, and operators."""

from __future__ import annotations

from typing import Any

from services.chassis.bus.api import Received
from services.chassis.bus.topics import PROCESS, STATUS
from services.chassis.ids import new_id
from services.chassis.parked import Parked, Place
from services.chassis.unparking import Unparking
from services.scheduler.consumers import Parking
from services.scheduler.schema import metadata
from vahana.event.v1 import event_pb2

CONSUMER = "process"


class Aside:
    """What is parked about processes."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self._parked = Parked(metadata, Parking(world.handlers))
        self._unparking = Unparking(world.db, self._parked, {CONSUMER: world.consumers.handle})
        self.offset = 0

    def park(self, value: bytes, why: str = "failed 3 times", offset: int | None = None) -> Place:
        """Parks a message of STATUS, by default the next one there."""
        self.offset += offset is None
        place = Place(STATUS.name, 3, self.offset if offset is None else offset, CONSUMER)
        with self.world.db.write() as tx:
            self._parked.add(tx, CONSUMER, Received(place.topic, "key", value, (), place.partition, place.offset), why)
        self.world.settle()
        return place

    def unpark(self, place: Place) -> None:
        """An operator has it handled once more."""
        self._unparking.unpark(place)
        self.world.settle()

    def discard(self, place: Place) -> None:
        """An operator discards it."""
        self._unparking.discard(place)
        self.world.settle()

    def told(
        self, offset: int, *, parked: bool, tenant: str = "default", source: str = "executor", **fields: Any
    ) -> event_pb2.Envelope:
        """An executor tells of a dispatch; returns what it said."""
        told = event_pb2.ParkingChanged(
            process_id="proc-1",
            topic="vahana.task.env-setup",
            partition=2,
            offset=offset,
            consumer="env-setup",
            parked=parked,
            reason="failed 3 times; the last: KeyError" if parked else "",
        )
        for name, value in fields.items():
            setattr(told, name, value)
        envelope = event_pb2.Envelope(
            id=new_id("parking"), tenant=tenant, aggregate_id=told.process_id, source=source, parking_changed=told
        )
        self.say(envelope)
        return envelope

    def say(self, envelope: event_pb2.Envelope) -> None:
        self.world.publish(PROCESS.name, envelope.aggregate_id, envelope)
        self.world.settle()


def garbage(process_id: str = "proc-1", tenant: str = "default") -> bytes:
    """A message about a process that nobody understands."""
    return event_pb2.Envelope(
        id=new_id("msg"), tenant=tenant, aggregate_id=process_id, source="executor"
    ).SerializeToString()
