"""A lane that is full takes nothing from the bus, and no other lane notices."""

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import pytest
import structlog

from services.chassis import consume
from services.chassis.bus.api import Message
from services.chassis.bus.lanes import Lane
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import TASK_TOPICS
from services.chassis.consume import ConsumerLoop
from services.chassis.db import Database, now_us
from services.chassis.errors import Unavailable
from services.chassis.parked import Parked
from services.executor import closing as module
from services.executor import host_storage, storage
from services.executor.closing import Closing
from services.executor.domain.breaker import Breaker, closed, opened
from services.executor.domain.troubles import Condition, Waiting
from services.executor.schema import metadata
from services.executor.wire import NEVER
from tests.contract.executor.support import Executor, dispatch
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

TYPE, OTHER = state_pb2.TASK_TYPE_ENV_SETUP, state_pb2.TASK_TYPE_CLEANUP
TOPIC = TASK_TOPICS[TYPE]


def fast(count: int, **more: object) -> list[event_pb2.TaskDispatched]:
    return [
        dispatch(f"fast-{number}", host=f"h{number % 3}", lane=task_pb2.LANE_FAST, **more) for number in range(count)
    ]


def test_a_lane_is_closed_while_more_wait_than_it_may_hold(executor: Executor, db: Database) -> None:
    closing = Closing(db, 4)
    executor.accept(*fast(4), dispatch("slow", lane=task_pb2.LANE_SLOW), dispatch("other", type=OTHER))
    closing.look()
    assert not closing.closed(TYPE)
    executor.accept(*fast(5))
    with structlog.testing.capture_logs() as told:
        closing.look()
        closing.look()
    assert closing.closed(TYPE) == [Lane.FAST]
    assert not closing.closed(OTHER)
    executor.work()
    with structlog.testing.capture_logs() as later:
        closing.look()
        closing.look()
    assert not closing.closed(TYPE)
    assert [(each["event"], each["type"], each["lane"], each["waiting"]) for each in told + later] == [
        ("lane closed", "env-setup", "fast", 5),
        ("lane open again", "env-setup", "fast", 0),
    ]


def test_what_is_blocked_is_counted_and_what_is_worked_on_is_not(executor: Executor, db: Database) -> None:
    closing = Closing(db, 4)
    executor.accept(*fast(5))
    taken = executor.take()
    assert len(taken) == 5
    closing.look()
    assert not closing.closed(TYPE)
    for claim in taken:
        executor.settle(claim, Waiting(Condition.DISK_FULL, "full"))
    closing.look()
    assert closing.closed(TYPE) == [Lane.FAST]


def test_what_waits_for_a_host_that_does_not_answer_closes_no_lane_for_others(executor: Executor, db: Database) -> None:
    closing = Closing(db, 4)
    executor.accept(*fast(9))
    closing.look()
    assert closing.closed(TYPE) == [Lane.FAST]
    for number in range(2):
        change_host(db, f"h{number}:22", lambda host, now: opened(host, now, "no route"))
    closing.look()
    assert not closing.closed(TYPE)
    change_host(db, "h0:22", closed)
    closing.look()
    assert closing.closed(TYPE) == [Lane.FAST]


def test_cancels_that_wait_for_their_dispatch_do_not_keep_it_on_the_bus(executor: Executor, db: Database) -> None:
    closing, submit = Closing(db, 4), state_pb2.TASK_TYPE_JOB_SUBMISSION
    executor.cancel(*fast(9, type=submit, attempt=2))
    with db.read() as tx:
        assert sum(line.due for line in storage.lines(tx, NEVER, 20)) == 9
    closing.look()
    assert not closing.closed(submit)


def test_while_the_database_is_away_a_lane_stays_as_it_is(
    executor: Executor, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, stop, looked = Closing(db, 4), threading.Event(), threading.Event()
    executor.accept(*fast(5))
    closing.look()

    def away(*_: object) -> None:
        if looked.is_set():
            stop.set()
        looked.set()
        raise Unavailable("no database")

    monkeypatch.setattr(storage, "lines", away)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    closing.run(stop)
    assert closing.closed(TYPE) == [Lane.FAST]


def test_a_full_lane_leaves_the_rest_on_the_bus_until_it_has_caught_up(
    executor: Executor, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "POLL_SECONDS", 0.05)
    bus, closing, batch = MemoryBus(), Closing(db, 10), 5
    bus.ensure_topics([TOPIC])
    most = dict.fromkeys(Lane, 0)

    def closed() -> Collection[int]:
        # Whatever the last poll brought is stored.
        waiting = closing._waiting()
        most.update({lane: max(most[lane], waiting[TYPE, lane]) for lane in Lane})
        closing.look()
        return closing.closed(TYPE)

    loop = ConsumerLoop(bus, "g", [TOPIC], executor.consumers.dispatched, db, Parked(metadata), "test", batch, closed)
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    publish(bus, Lane.SLOW, 60)
    thread.start()
    try:
        wait_for(lambda: closing.closed(TYPE) == [Lane.SLOW])
        publish(bus, Lane.FAST, 8)
        wait_for(lambda: closing._waiting()[TYPE, Lane.FAST] == 8)
        assert 10 < closing._waiting()[TYPE, Lane.SLOW] <= 10 + batch
        while len(ended(executor)) < 68:
            with suppress(Unavailable):
                executor.work()
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert len(ended(executor)) == len(set(ended(executor))) == 68
    assert most[Lane.SLOW] <= 10 + batch


def change_host(db: Database, name: str, change: Callable[[Breaker, int], Breaker]) -> None:
    with db.write() as tx:
        before = host_storage.find(tx, name)
        assert host_storage.put(tx, before, change(before, now_us(tx)))


def publish(bus: MemoryBus, lane: Lane, count: int) -> None:
    producer = bus.producer()
    for number in range(count):
        order = dispatch(f"{lane.name}-{number}", process_id=f"proc-{number}", lane=task_pb2.Lane.ValueType(lane))
        envelope = event_pb2.Envelope(
            id=f"{lane}-{number}", tenant="default", aggregate_id=order.process_id, task_dispatched=order
        )
        producer.publish([Message(TOPIC.name, order.process_id, envelope.SerializeToString(), lane=lane)])


def ended(executor: Executor) -> list[tuple[str, str]]:
    return [
        (each.process_id, each.task_id)
        for each in executor.events()
        if each.task_state == state_pb2.TASK_STATE_COMPLETED
    ]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
