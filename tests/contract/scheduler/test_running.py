"""All of the scheduler's threads at work together, and a consumer that bad messages do not stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Message
from services.chassis.bus.topics import SCHEDULER, STATUS
from services.chassis.consume import ConsumerLoop
from services.chassis.parked import Parked
from services.chassis.timers import Timer
from services.scheduler.consumers import TOPICS
from services.scheduler.schema import metadata
from vahana.event.v1 import event_pb2, state_pb2

S = state_pb2.TaskState
TRANSIENT = {"task_state": S.TASK_STATE_FAILED, "reason": "host went away", "retryable": True}

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextlib.contextmanager
def running(world: Any) -> Iterator[None]:
    """The threads `__main__` starts."""
    world.consumer.close()
    stop = threading.Event()
    attempts = Timer("attempts", world.handlers.open_due_attempts)
    world.handlers.attempts_planned.append(attempts.wake)
    parked = Parked(metadata)
    bodies: list[Callable[[threading.Event], None]] = [
        ConsumerLoop(world.bus, SCHEDULER, TOPICS, world.consumers.handle, world.db, parked, "process").run,
        world.relay.run,
        attempts.run,
        Timer("sweeper", world.handlers.send_unanswered_again).run,
        Timer("inbox", world.handlers.forget_old_messages).run,
    ]
    threads = [threading.Thread(target=body, args=(stop,), daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        attempts.wake()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def until_completed(world: Any, process_id: str, fails_first: str = "") -> None:
    """Plays executors until the process has completed."""
    executors, deadline = world._orders, time.monotonic() + 60
    while world.handlers.get_run("default", process_id)[0].state.name != "COMPLETED":
        assert time.monotonic() < deadline
        for each in executors.poll(1, 100):
            order = event_pb2.Envelope.FromString(each.value).task_dispatched
            world.say(order, task_state=S.TASK_STATE_EXECUTING)
            failed = order.task_id == fails_first and order.attempt == 1
            world.say(order, **(TRANSIENT if failed else {"task_state": S.TASK_STATE_COMPLETED}))


def told_of(world: Any, process_id: str) -> None:
    deadline = time.monotonic() + 30
    while not world.handlers.list_runs("default", 0, "")[0]:
        assert time.monotonic() < deadline, process_id
        time.sleep(0.01)


def test_a_process_runs_and_an_attempt_is_opened_in_its_time(world: Any, plan: Any) -> None:
    for task in plan:
        task.retry.initial_backoff.FromMilliseconds(400)
    with running(world):
        world.launch("proc-1", plan)
        told_of(world, "proc-1")
        began = time.monotonic()
        until_completed(world, "proc-1", fails_first="stage-in-a")
        assert time.monotonic() - began >= 0.2


def test_bad_messages_are_parked_and_the_rest_goes_on(world: Any, plan: Any) -> None:
    with running(world):
        world._producer.publish([Message(STATUS.name, "proc-1", b"\xff\xff nonsense")])
        stray = event_pb2.Envelope(id="stray", tenant="default", aggregate_id="proc-1", source="executor")
        stray.task_dispatched.SetInParent()
        world.publish(STATUS.name, "proc-1", stray)
        world.launch("proc-0", plan, task_count=99)
        world.launch("proc-1", plan)
        told_of(world, "proc-1")
        until_completed(world, "proc-1")
    with world.db.read() as tx:
        reasons = sorted(tx.execute(sa.select(metadata.tables["parked"].c.reason)).scalars())
    assert len(reasons) == 3
    assert "DigestMismatch: the plan of proc-0 came with 8 of 99 tasks" in reasons[0]
    assert "does not belong here" in reasons[1]
    assert "not an envelope" in reasons[2]
