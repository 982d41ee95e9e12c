"""What no scheduler sends: it is parked or does nothing, and the sound message behind it is taken."""

import threading

import pytest
import sqlalchemy as sa

from services.chassis import consume
from services.chassis.bus.api import Message
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import CANCEL, HISTORY, TASK_TOPICS
from services.chassis.consume import ConsumerLoop
from services.chassis.parked import Parked
from services.executor.schema import claim as claim_table
from services.executor.schema import metadata
from vahana.event.v1 import event_pb2, state_pb2

ENV_SETUP = state_pb2.TASK_TYPE_ENV_SETUP
MONITORING = state_pb2.TASK_TYPE_MONITORING
DISPATCH = TASK_TOPICS[ENV_SETUP]


def dispatch(process="proc-1", attempt=1, tenant="default", kind=ENV_SETUP):
    body = event_pb2.TaskDispatched(process_id=process, task_id="env-setup", attempt=attempt, type=kind)
    return event_pb2.Envelope(id="m", tenant=tenant, task_dispatched=body).SerializeToString()


def cancel(process="proc-1", attempt=1, tenant="default", kind=ENV_SETUP):
    body = event_pb2.TaskCanceled(process_id=process, task_id="env-setup", attempt=attempt, type=kind)
    return event_pb2.Envelope(id="m", tenant=tenant, task_canceled=body).SerializeToString()


def history(process="proc-1", tenant="default"):
    body = event_pb2.HistoryWanted(process_id=process)
    return event_pb2.Envelope(id="m", tenant=tenant, history_wanted=body).SerializeToString()


UNREADABLE = {
    "undecodable": b"\xff\xff\xff",
    "truncated": dispatch()[:-3],
    "empty": b"",
    "oversized": b"\xff" * 600_000,
    "of another topic": event_pb2.Envelope(tenant="default", entity_changed={}).SerializeToString(),
}
PARKED = [
    *[(topic, value) for topic in (DISPATCH, CANCEL, HISTORY) for value in UNREADABLE.values()],
    (DISPATCH, dispatch(tenant="")),
    (DISPATCH, dispatch(tenant="a/b")),
    (DISPATCH, dispatch(attempt=0)),
    (CANCEL, cancel(process="")),
    (CANCEL, cancel(tenant="")),
    (HISTORY, history(process="")),
    (HISTORY, history(tenant="")),
]
HARMLESS = [
    (HISTORY, history(process="of-nobody")),
    (HISTORY, history(tenant="another")),
    (HISTORY, history() + b"\xfa\x3e\x01x"),
]


@pytest.fixture
def consumed(executor, db, monkeypatch):
    """Sends a message and a sound one behind it; returns the reasons of what is parked once both are handled."""
    monkeypatch.setattr(consume, "POLL_SECONDS", 0.05)
    bus = MemoryBus()
    handlers = {
        DISPATCH: (executor.consumers.dispatched, dispatch("sound")),
        CANCEL: (executor.consumers.canceled, cancel("sound")),
        HISTORY: (executor.consumers.told_of_histories, history("sound")),
    }

    def consumed(topic, value):
        bus.ensure_topics([topic])
        handle, sound = handlers[topic]
        bus.producer().publish([Message(topic.name, "p", value), Message(topic.name, "p", sound)])
        stop, taken = threading.Event(), []

        def noting(deliveries):
            handle(deliveries)
            taken.extend(each.received.value for each in deliveries)
            if sound in taken:
                stop.set()

        loop = ConsumerLoop(bus, "g", [topic], noting, db, Parked(metadata), "test")
        thread = threading.Thread(target=loop.run, args=(stop,))
        thread.start()
        thread.join(30)
        stop.set()
        thread.join()
        assert sound in taken
        with db.read() as tx:
            return [row.reason for row in tx.execute(sa.select(metadata.tables["parked"]))]

    return consumed


@pytest.mark.parametrize(("topic", "value"), PARKED)
def test_it_is_parked_with_a_reason(consumed, topic, value):
    (reason,) = consumed(topic, value)
    assert reason.startswith(("not an envelope", "failed 3 times"))


@pytest.mark.parametrize(("topic", "value"), HARMLESS)
def test_it_does_nothing(consumed, topic, value):
    assert consumed(topic, value) == []


@pytest.mark.parametrize(
    "strange",
    [{"attempt": 2**32 - 1}, {"process": "p" * 100_000}, {"process": "nul\0"}],
    ids=["absurd number", "huge", "nul"],
)
@pytest.mark.parametrize(("topic", "message"), [(DISPATCH, dispatch), (CANCEL, cancel)])
def test_absurd_numbers_and_strings_hold_nobody_up(consumed, topic, message, strange):
    assert len(consumed(topic, message(**strange))) <= 1


def test_a_dispatch_of_another_tenant_changes_no_claim(consumed, db):
    consumed(CANCEL, cancel(kind=MONITORING))
    assert consumed(DISPATCH, dispatch(tenant="another", kind=MONITORING)) == []
    with db.read() as tx:
        found = tx.execute(sa.select(claim_table.c.tenant).where(claim_table.c.process_id == "proc-1"))
        assert found.scalars().all() == ["default"]
