"""Whatever is repeated, late, foreign or cut off in the middle changes nothing that was done right before."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.bus.topics import STATUS
from services.chassis.consume import Delivery
from services.chassis.errors import Unavailable
from services.scheduler import storage, wire
from services.scheduler.schema import metadata
from vahana.event.v1 import event_pb2, state_pb2

S, C = state_pb2.TaskState, state_pb2.ConditionCode
EXECUTING, COMPLETED, FAILED = S.TASK_STATE_EXECUTING, S.TASK_STATE_COMPLETED, S.TASK_STATE_FAILED
TRANSIENT = {"task_state": FAILED, "reason": "host went away", "condition_code": 1, "retryable": True}

SEVERAL_OWNERS = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""A SQLite database has one."""


def test_a_batch_delivered_again_changes_nothing(world: Any, plan: Any) -> None:
    """As after a crash between the commit of the effects and that of the offsets."""
    world.launch("proc-1", plan)
    world.launch("proc-2", plan)
    for _ in range(4):
        deliveries = world.batch()
        world.consumers.handle(deliveries)
        before = world.rows()
        world.start()
        world.consumers.handle(deliveries)
        assert world.rows() == before
        world.consumer.commit([delivery.received for delivery in deliveries])
        for order in world.orders():
            world.say(order, task_state=EXECUTING)
            world.say(order, task_state=COMPLETED)
    assert world.plans.asked == {"proc-1": 1, "proc-2": 1}


def test_everything_from_the_beginning_again_changes_nothing(world: Any, plan: Any) -> None:
    """As after a broker that was wiped, and filled again from the outboxes."""
    world.launch("proc-1", plan)
    world.work({"stage-in-a": [TRANSIENT]})
    world.forward(60)
    world.handlers.open_due_attempts()
    world.work()
    before = world.rows()
    everything = [
        Delivery(event_pb2.Envelope.FromString(each.value), each)
        for (topic, _), records in world.bus.records.items()
        for each in records
        if "task" not in topic
    ]
    world.consumers.handle(everything)
    for delivery in everything:
        world.consumers.handle([delivery])
    assert world.rows() == before


def test_a_launch_repeated_under_another_id_changes_nothing(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    deliveries = world.batch()
    world.consumers.handle(deliveries)
    before = world.rows()
    deliveries[0].envelope.id = "another"
    world.consumers.handle(deliveries)
    assert world.rows() == before


def test_an_event_said_twice_counts_once(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=EXECUTING)
    said = world.say(order, **TRANSIENT)
    world.publish(STATUS.name, "proc-1", said)
    world.settle()
    world.publish(STATUS.name, "proc-1", said)
    world.settle()
    _, (task, *_) = world.handlers.get_run("default", "proc-1")
    assert (task.attempt, task.next_attempt_us is not None) == (2, True)
    assert world.process_states().count("EXECUTING") == 2


@pytest.mark.parametrize("late", [EXECUTING, COMPLETED, FAILED])
def test_events_of_an_attempt_that_is_over_are_ignored(world: Any, plan: Any, late: int) -> None:
    world.launch("proc-1", plan)
    (first,) = world.orders()
    world.say(first, **TRANSIENT)
    world.settle()
    world.forward(60)
    world.handlers.open_due_attempts()
    (second,) = world.orders()
    before = world.rows()
    world.say(first, task_state=late, blocked=late == EXECUTING)
    world.settle()
    assert world.rows() == before
    world.say(second, task_state=COMPLETED)
    assert {order.task_id for order in world.orders()} == {"stage-in-a", "stage-in-b"}


def test_a_reason_may_hold_what_no_database_keeps(world: Any, plan: Any) -> None:
    """Programs print anything before they fail."""
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=FAILED, reason="exit code 1: \0", condition_code=6)
    world.work()
    assert world.last().reason == "env-setup: exit code 1: \N{REPLACEMENT CHARACTER}"


def test_nothing_follows_the_end_of_a_task(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=COMPLETED)
    world.settle()
    before = world.rows()
    world.say(order, task_state=EXECUTING, blocked=True)
    world.say(order, **TRANSIENT)
    world.settle()
    assert world.rows() == before


def test_an_end_heard_without_its_beginning_counts(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=COMPLETED, seq=3)
    world.say(order, task_state=EXECUTING, seq=2)
    assert {each.task_id for each in world.orders()} == {"stage-in-a", "stage-in-b"}
    assert world.task_states()["env-setup"] == "COMPLETED"


def test_foreign_and_unknown_events_are_ignored(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    before = world.rows()
    world.say(order, tenant="other", task_state=COMPLETED)
    strange = event_pb2.TaskDispatched(process_id="proc-9", task_id="x", attempt=1)
    world.say(strange, task_state=COMPLETED)
    world.say(event_pb2.TaskDispatched(process_id="proc-1", task_id="x", attempt=1), task_state=COMPLETED)
    world.say(order, attempt=7, task_state=COMPLETED)
    world.settle()
    assert world.rows() == before


def test_what_does_not_belong_here_is_refused(world: Any) -> None:
    envelope = event_pb2.Envelope(id="1", tenant="default", source="executor")
    envelope.task_dispatched.SetInParent()
    world.publish(STATUS.name, "proc-1", envelope)
    with pytest.raises(ValueError, match="does not belong here"):
        world.handle()


def test_a_blocked_process_says_why_and_goes_on(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (setup,) = world.orders()
    world.say(setup, task_state=COMPLETED)
    one, other = world.orders()
    world.say(one, task_state=EXECUTING, blocked=True, reason="disk full", condition_code=C.CONDITION_CODE_DISK_FULL)
    world.settle()
    blocked = world.last()
    assert blocked.process_state == state_pb2.PROCESS_STATE_BLOCKED
    assert (blocked.reason, blocked.condition_code) == ("stage-in-a: disk full", C.CONDITION_CODE_DISK_FULL)
    world.say(other, task_state=EXECUTING, blocked=True, reason="no route", condition_code=1)
    world.settle()
    assert world.last() == blocked
    world.say(one, task_state=EXECUTING)
    world.settle()
    assert (world.last().process_state, world.last().reason) == (
        state_pb2.PROCESS_STATE_BLOCKED,
        "stage-in-b: no route",
    )
    world.say(other, task_state=COMPLETED)
    world.settle()
    assert (world.last().process_state, world.last().reason) == (state_pb2.PROCESS_STATE_EXECUTING, "")
    assert world.last().condition_code == 0
    world.say(one, task_state=COMPLETED)
    world.work()
    assert world.process_states()[-1] == "COMPLETED"


def test_a_block_that_outlives_its_budget_fails_the_process(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=EXECUTING, blocked=True, reason="no route", condition_code=1)
    world.settle()
    world.say(order, task_state=FAILED, reason="gave up after 15 min: no route", condition_code=1)
    world.work()
    assert world.last().process_state == state_pb2.PROCESS_STATE_FAILED
    assert world.last().reason == "env-setup: gave up after 15 min: no route"


def test_a_block_is_told_before_a_wait(world: Any, task: Any) -> None:
    world.launch("proc-1", [task("a"), task("b")])
    one, other = world.orders()
    world.say(one, **TRANSIENT)
    world.settle()
    assert world.last().reason.startswith("a: attempt 1 of 3 failed")
    world.say(other, task_state=EXECUTING, blocked=True, reason="no route", condition_code=1)
    world.settle()
    assert (world.last().process_state, world.last().reason) == (state_pb2.PROCESS_STATE_BLOCKED, "b: no route")
    world.say(other, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == state_pb2.PROCESS_STATE_EXECUTING
    assert world.last().reason.startswith("a: attempt 1 of 3 failed")


def test_planned_attempts_outlive_the_scheduler(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"env-setup": [TRANSIENT]})
    world.forward(60)
    world.start()
    world.handlers.open_due_attempts()
    (order,) = world.orders()
    assert (order.task_id, order.attempt) == ("env-setup", 2)


def test_the_timer_is_told_when_the_next_attempt_is_due(world: Any, plan: Any) -> None:
    assert world.handlers.open_due_attempts() == pytest.approx(1)
    world.launch("proc-1", plan)
    world.work({"env-setup": [TRANSIENT]})
    world.forward(4.5)
    assert 0 < world.handlers.open_due_attempts() <= 0.5
    world.forward(1)
    assert world.handlers.open_due_attempts() == 0


def test_an_unanswered_dispatch_is_sent_again_ever_less_often(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (first,) = world.orders()
    assert world.handlers.send_unanswered_again() > 0
    for pause in (60, 120, 240, 480, 960, 960):
        world.forward(pause - 2)
        assert world.handlers.send_unanswered_again() > 0
        world.forward(2)
        world.handlers.send_unanswered_again()
        assert world.orders() == [first]
    assert [change.task_id for change in world.read()].count("env-setup") == 1
    world.say(first, task_state=COMPLETED)
    assert {order.task_id for order in world.orders()} == {"stage-in-a", "stage-in-b"}


def test_a_dispatch_the_outbox_no_longer_holds_is_written_again_under_its_id(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (first,) = world.orders()
    with world.db.write() as tx:
        tx.execute(sa.delete(metadata.tables["outbox"]))
    world.forward(60)
    world.handlers.send_unanswered_again()
    with world.db.read() as tx:
        assert [row.message_id for row in world.outbox.unsent(tx, 10)] == ["proc-1/env-setup/1"]
    assert world.orders() == [first]


def test_a_dispatch_that_has_not_left_yet_is_not_doubled(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.handle()
    before = world.rows()["outbox"]
    world.forward(60)
    world.handlers.send_unanswered_again()
    assert world.rows()["outbox"] == before


def test_an_attempt_under_way_is_left_alone_for_longer(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=EXECUTING)
    world.settle()
    world.forward(60 * 15)
    assert world.handlers.send_unanswered_again() > 0
    world.forward(60)
    world.handlers.send_unanswered_again()
    assert world.orders() == [order]


def test_nothing_is_sent_again_once_a_process_has_ended_or_waits_for_its_next_attempt(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work()
    world.launch("proc-2", plan)
    world.work({"env-setup": [TRANSIENT]})
    world.forward(100_000)
    assert world.handlers.send_unanswered_again() > 0
    assert world.orders() == []


def test_ids_of_messages_are_forgotten_once_no_topic_keeps_them(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.settle()
    world.forward(3.5 * 24 * 3600)
    world.handlers.forget_old_messages()
    assert len(world.rows()["inbox"]) == 1
    world.forward(24 * 3600)
    world.handlers.forget_old_messages()
    assert world.rows()["inbox"] == []


def test_a_version_that_moved_meanwhile_rolls_everything_back(
    world: Any, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.launch("proc-1", plan)
    (order,) = world.orders()
    world.say(order, task_state=COMPLETED)
    deliveries, before = world.batch(), world.rows()
    read = storage.read_tasks

    def stale(tx: Any, keys: Any) -> Any:
        found = read(tx, keys)
        for task in found:
            task.version -= 1
        return found

    monkeypatch.setattr(storage, "read_tasks", stale)
    with pytest.raises(Unavailable):
        world.consumers.handle(deliveries)
    assert world.rows() == before


def at_once(*work: Callable[[], object]) -> None:
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(each) for each in work]:
            done.result(60)


@SEVERAL_OWNERS
def test_two_schedulers_share_the_work_and_neither_doubles_it(world: Any, plan: Any) -> None:
    processes = [f"proc-{number}" for number in range(20)]
    for process_id in processes:
        world.launch(process_id, plan)
    first = world.handlers
    world.start()
    dice = random.Random(7)
    while received := world.batch():
        launches = [wire.read_launch(each.envelope) for each in received if each.envelope.HasField("process_launched")]
        reports = [wire.read_report(each.envelope) for each in received if each.envelope.source == "executor"]
        at_once(
            lambda launches=launches, reports=reports: first.take(launches, reports),
            lambda launches=launches, reports=reports: world.handlers.take(launches[::-1], reports),
        )
        world.forward(60)
        at_once(first.open_due_attempts, world.handlers.open_due_attempts)
        for order in world.orders():
            fails = order.attempt < 3 and dice.random() < 0.3
            world.say(order, task_state=EXECUTING)
            world.say(order, **(TRANSIENT if fails else {"task_state": COMPLETED}))
    assert [world.process_states(each)[-1] for each in processes] == ["COMPLETED"] * 20
    told = [(c.process_id, c.task_id, c.attempt, c.seq) for c in world.read()]
    assert len(told) == len(set(told))


@SEVERAL_OWNERS
def test_a_shard_is_left_to_its_holder_until_the_lease_is_over(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"env-setup": [TRANSIENT]})
    first = world.handlers
    world.forward(10)
    world.start()
    with world.db.write() as tx:
        assert first.shards.take(tx, range(32)) == list(range(32))
    assert world.handlers.open_due_attempts() > 0
    assert world.orders() == []
    with world.db.write() as tx:
        tx.execute(sa.update(metadata.tables["lease"]).values(expires_us=0))
    assert world.handlers.open_due_attempts() == 0
    assert [order.attempt for order in world.orders()] == [2]
