"""What executors tell the scheduler of messages they have parked: in the same transaction, by the outbox."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis.bus.api import Received
from services.chassis.bus.topics import PROCESS
from services.chassis.parked import Parked, Place
from services.chassis.unparking import Unparking
from services.executor.parking import Parking
from services.executor.schema import metadata
from tests.contract.executor.support import Executor, dispatch
from vahana.event.v1 import event_pb2

TOPIC = "vahana.task.env-setup"


def parked_in(executor: Executor, value: bytes) -> tuple[Unparking, Place]:
    parked = Parked(metadata, Parking(executor.outbox))
    with executor.db.write() as tx:
        parked.add(tx, "env-setup", Received(TOPIC, "key", value, (), 2, 7), "failed 3 times")
    unparking = Unparking(executor.db, parked, {"env-setup": executor.consumers.dispatched})
    return unparking, Place(TOPIC, 2, 7, "env-setup")


def about(process_id: str = "proc-1") -> bytes:
    envelope = event_pb2.Envelope(id="m-1", tenant="t", aggregate_id=process_id, source="scheduler")
    envelope.task_dispatched.CopyFrom(dispatch(process_id=process_id))
    return envelope.SerializeToString()


@pytest.mark.parametrize("what", ["unpark", "discard"])
def test_it_is_told_that_a_message_is_parked_and_that_it_no_longer_is(executor: Executor, what: str) -> None:
    unparking, place = parked_in(executor, about())
    getattr(unparking, what)(place)
    parked, released = [each for each in executor.envelopes() if each.HasField("parking_changed")]
    assert (parked.tenant, parked.aggregate_id, parked.source) == ("t", "proc-1", "executor")
    told: dict[str, Any] = {"process_id": "proc-1", **place._asdict()}
    assert parked.parking_changed == event_pb2.ParkingChanged(**told, parked=True, reason="failed 3 times")
    assert released.parking_changed == event_pb2.ParkingChanged(**told)
    assert parked.id != released.id
    with executor.db.read() as tx:
        rows = [row for row in executor.outbox.unsent(tx, 10) if row.message_id in {parked.id, released.id}]
    assert [(row.topic, row.key) for row in rows] == [(PROCESS.name, "proc-1")] * 2


@pytest.mark.parametrize("value", [b"\xff\xff", about("x" * 101)])
def test_nothing_is_told_of_what_is_about_no_process(executor: Executor, value: bytes) -> None:
    unparking, place = parked_in(executor, value)
    unparking.discard(place)
    assert executor.envelopes() == []
