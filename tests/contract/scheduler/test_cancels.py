"""Cancels, through the real handlers, outbox and relay: nothing is left running, and nothing is asked twice."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from services.scheduler import storage
from tests.contract.scheduler.intended import (
    COMPLETED,
    ENDED_AS_ASKED,
    EXECUTING,
    FAILED,
    JOB,
    TRANSIENT,
    C,
    Intents,
    P,
    ends,
    under_way,
)
from vahana.event.v1 import state_pb2


def test_canceling_asks_what_is_under_way_and_ends_the_rest_and_cleans_up(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "monitor")
    world.say(order, task_state=EXECUTING)
    world.settle()
    intents.want("CANCEL", comment="too late")
    assert world.last().process_state == P.PROCESS_STATE_CANCELING
    assert world.last().reason == "canceled by ada: too late"
    assert world.last().condition_code == C.CONDITION_CODE_CANCELED_BY_USER
    (wish,) = intents.wishes()
    assert (wish.task_id, wish.attempt, wish.type) == ("monitor", 1, state_pb2.TASK_TYPE_MONITORING)
    assert wish.reason == "canceled by ada: too late"
    world.say(order, **ENDED_AS_ASKED, job={**JOB, "state": 5})
    (cleanup,) = world.orders()
    assert (cleanup.task_id, cleanup.cancel_reason) == ("cleanup", "")
    states = ends(world)
    assert {states[name] for name in ("monitor", "stage-out-c", "stage-out-stdout")} == {"CANCELED"}
    world.say(cleanup, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED
    assert world.last().reason == "canceled by ada: too late"
    assert ends(world)["submit"] == "COMPLETED"


def test_an_attempt_that_wins_the_race_keeps_its_end(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "stage-out-c")
    intents.want("CANCEL")
    assert {wish.task_id for wish in intents.wishes()} == {"stage-out-c", "stage-out-stdout"}
    world.say(order, task_state=COMPLETED)
    world.settle()
    other = order.__class__.FromString(order.SerializeToString())
    other.task_id = "stage-out-stdout"
    world.say(other, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_cancel_before_anything_was_dispatched_contacts_nobody(world: Any, plan: Any, intents: Intents) -> None:
    intents.want("CANCEL")
    world.launch("proc-1", plan)
    assert world.orders() == []
    assert intents.wishes() == []
    assert set(ends(world).values()) == {"CANCELED"}
    assert world.process_states() == ["QUEUED", "CANCELED"]


def test_there_is_no_way_back_from_a_cancel(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "env-setup")
    intents.want("CANCEL")
    before = world.rows()
    intents.want("RUN")
    intents.want("PAUSE")
    assert world.rows() == before


def test_a_paused_process_whose_job_runs_unwatched_is_canceled_with_its_job(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    intents.want("PAUSE")
    world.say(order, task_state=COMPLETED, job=JOB)
    assert world.orders() == []
    intents.want("CANCEL")
    (monitor,) = world.orders()
    assert (monitor.task_id, monitor.cancel_reason) == ("monitor", "canceled by ada")
    assert monitor.jobs["submit"].job_id == "42"
    assert intents.wishes() == []
    world.say(monitor, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED


def test_a_job_handed_over_while_it_was_to_be_canceled_is_ended_by_its_monitoring(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    intents.want("CANCEL")
    assert [wish.task_id for wish in intents.wishes()] == ["submit"]
    world.say(order, task_state=COMPLETED, job=JOB)
    (monitor,) = world.orders()
    assert monitor.cancel_reason == "canceled by ada"
    world.say(monitor, **ENDED_AS_ASKED)
    world.work()
    assert (world.last().process_state, ends(world)["monitor"]) == (P.PROCESS_STATE_CANCELED, "CANCELED")


def test_a_submission_that_waits_for_its_next_attempt_looks_for_what_the_last_one_left(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    (closing,) = world.orders()
    assert (closing.task_id, closing.attempt, closing.cancel_reason) == ("submit", 2, "canceled by ada")
    world.say(closing, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED


def test_what_leaves_nothing_behind_is_canceled_at_once_between_attempts(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    assert [each.task_id for each in world.orders()] == ["cleanup"]
    assert intents.wishes() == []


def test_no_attempt_follows_a_failure_while_canceling_where_nothing_can_be_left(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "env-setup")
    intents.want("CANCEL")
    world.say(order, **TRANSIENT)
    assert [each.task_id for each in world.orders()] == ["cleanup"]
    assert ends(world)["env-setup"] == "FAILED"


FOR_GOOD = {"task_state": FAILED, "reason": "the executor met something", "condition_code": 0, "retryable": False}


@pytest.mark.parametrize("failure", [TRANSIENT, FOR_GOOD])
@pytest.mark.parametrize("first", ["the cancel", "both at once"])
@pytest.mark.parametrize("task", ["submit", "monitor"])
def test_what_a_failure_that_crosses_the_cancel_may_have_left_is_looked_for(
    world: Any, plan: Any, intents: Intents, failure: Any, first: str, task: str
) -> None:
    order = under_way(world, plan, task)
    if first == "the cancel":
        intents.want("CANCEL")
        world.say(order, **failure)
    else:
        world.say(order, **failure)
        intents.want("CANCEL")
    (closing,) = world.orders()
    assert (closing.task_id, closing.attempt, closing.cancel_reason) == (task, 2, "canceled by ada")
    assert world.last().process_state == P.PROCESS_STATE_CANCELING
    world.say(closing, **ENDED_AS_ASKED)
    world.work()
    assert (world.last().process_state, ends(world)[task]) == (P.PROCESS_STATE_CANCELED, "CANCELED")


@pytest.mark.parametrize("failure", [TRANSIENT, FOR_GOOD])
def test_nothing_is_looked_for_twice(world: Any, plan: Any, intents: Intents, failure: Any) -> None:
    order = under_way(world, plan, "submit")
    intents.want("CANCEL")
    world.say(order, task_state=EXECUTING, blocked=True, reason="h is away", condition_code=1)
    world.say(order, **TRANSIENT)
    (closing,) = world.orders()
    world.start()
    world.say(closing, **failure)
    assert [each.task_id for each in world.orders()] == ["cleanup"]
    assert ends(world)["submit"] == "FAILED"
    closing.task_id, closing.attempt = "cleanup", 1
    world.say(closing, task_state=COMPLETED)
    world.settle()
    told = world.last()
    assert told.process_state == P.PROCESS_STATE_CANCELED
    assert told.reason == f"canceled by ada; submit: {failure['reason']}"


def test_a_failed_closing_of_what_waited_for_its_next_attempt_is_the_last(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    (closing,) = world.orders()
    world.say(closing, **TRANSIENT)
    assert [each.task_id for each in world.orders()] == ["cleanup"]
    assert ends(world)["submit"] == "FAILED"


def test_a_cleanup_that_became_ready_while_paused_is_done_when_canceled(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "stage-out-c")
    intents.want("PAUSE")
    for name in ("stage-out-c", "stage-out-stdout"):
        order.task_id = name
        world.say(order, task_state=COMPLETED)
    assert world.orders() == []
    intents.want("CANCEL")
    assert [each.task_id for each in world.work()] == ["cleanup"]
    # All it needs had completed: the cancel came too late.
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_cleanup_whose_next_attempt_came_due_while_paused_is_done_when_canceled(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "cleanup")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("PAUSE")
    world.forward(60)
    assert world.handlers.open_due_attempts() == 0
    assert world.orders() == []
    intents.want("CANCEL")
    (again,) = world.orders()
    assert (again.task_id, again.attempt, again.cancel_reason) == ("cleanup", 2, "")
    world.say(again, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_cancel_reads_no_plan_and_nothing_that_waits(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "monitor")
    with world.db.read() as tx:
        found = storage.tasks_begun(tx, "proc-1")
    assert [(each.task_id, each.planned) for each in found] == [("monitor", None)]
    said = []
    sa.event.listen(sa.Engine, "before_cursor_execute", note := lambda *call: said.append(call[2]))
    try:
        intents.want("CANCEL")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert len(intents.wishes()) == 1
    assert any("FROM task" in statement for statement in said)
    assert not [statement for statement in said if "task.planned" in statement]


def test_a_cancel_is_repeated_until_the_attempt_ends(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "monitor")
    world.say(order, task_state=EXECUTING)
    world.settle()
    intents.want("CANCEL")
    assert len(intents.wishes()) == 1
    world.say(order, task_state=EXECUTING, blocked=True, reason="h is away", condition_code=1)
    for _ in range(2):
        world.forward(60 * 4)
        world.handlers.send_unanswered_again()
        assert [wish.task_id for wish in intents.wishes()] == ["monitor"]
        assert world.orders() == []
    told = world.last()
    assert told.process_state == P.PROCESS_STATE_CANCELING
    assert told.reason == "canceled by ada; still to be ended, monitor: h is away"
    assert told.condition_code == C.CONDITION_CODE_HOST_UNREACHABLE
    world.say(order, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED
    world.forward(60 * 100)
    world.handlers.send_unanswered_again()
    assert intents.wishes() == []


def test_a_dispatch_nobody_answered_is_repeated_with_its_cancel(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "monitor")
    intents.want("CANCEL")
    assert len(intents.wishes()) == 1
    world.forward(61)
    world.handlers.send_unanswered_again()
    assert [order.task_id for order in world.orders()] == ["monitor"]
    assert len(intents.wishes()) == 1


def test_messages_forgotten_by_the_outbox_are_written_anew(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "monitor")
    intents.want("CANCEL")
    intents.wishes()
    with world.db.write() as tx:
        world.outbox.purge(tx, world.db.now_us(tx) + 10**9)
    world.forward(61)
    world.handlers.send_unanswered_again()
    (order,) = world.orders()
    assert order.cancel_reason == "canceled by ada"
    assert len(intents.wishes()) == 1


def test_whoever_waits_for_leaves_alone_is_not_run_before_all_has_ended(
    world: Any, task: Any, intents: Intents
) -> None:
    plan = [
        task("a"),
        task("b", depends_on=["a"]),
        task("cleanup", "CLEANUP", ["b"], rule="ALL_DONE", required=False),
    ]
    order = under_way(world, plan, "a")
    intents.want("CANCEL")
    assert world.orders() == []
    assert ends(world) == {"a": "SCHEDULED", "b": "CREATED", "cleanup": "CREATED"}
    world.say(order, **ENDED_AS_ASKED)
    assert [each.task_id for each in world.orders()] == ["cleanup"]


@pytest.mark.parametrize(("rule", "runs"), [("ALL_DONE", True), ("ONE_FAILED", False), ("ALL_SUCCESS", False)])
def test_a_canceled_process_is_cleaned_up_by_its_policy(
    world: Any, task: Any, intents: Intents, rule: str, runs: bool
) -> None:
    plan = [task("a"), task("cleanup", "CLEANUP", ["a"], rule=rule, required=False)]
    order = under_way(world, plan, "a")
    intents.want("CANCEL")
    world.say(order, **ENDED_AS_ASKED)
    assert bool(world.work()) is runs
    assert world.last().process_state == P.PROCESS_STATE_CANCELED
