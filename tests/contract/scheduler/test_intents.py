"""Pause and resume, and which intents count, through the real handlers, outbox and relay."""

from __future__ import annotations

from typing import Any

import pytest

from services.scheduler.domain.model import Intended
from services.scheduler.domain.states import Intent
from tests.contract.scheduler.intended import (
    COMPLETED,
    ENDED_AS_ASKED,
    EXECUTING,
    TRANSIENT,
    C,
    Intents,
    P,
    under_way,
)


def test_a_paused_process_begins_nothing_until_it_is_resumed(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    intents.want("PAUSE", comment="the input is wrong")
    told = world.last()
    assert told.process_state == P.PROCESS_STATE_PAUSED
    assert told.reason == "paused by ada: the input is wrong"
    assert told.condition_code == C.CONDITION_CODE_PAUSED_BY_USER
    world.say(order, task_state=COMPLETED)
    assert world.orders() == []
    assert world.last().process_state == P.PROCESS_STATE_PAUSED
    assert intents.wishes() == []
    intents.want("RUN")
    assert [each.task_id for each in world.orders()] == ["stage-in-a", "stage-in-b"]
    assert (world.last().process_state, world.last().reason) == (P.PROCESS_STATE_EXECUTING, "")
    assert intents.world.orders() == []


def test_no_attempt_is_opened_while_paused(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("PAUSE")
    world.forward(60)
    assert world.handlers.open_due_attempts() == 0
    assert world.orders() == []
    assert world.handlers.open_due_attempts() > 0
    intents.want("RUN")
    (again,) = world.orders()
    assert (again.task_id, again.attempt) == ("env-setup", 2)
    world.say(again, task_state=COMPLETED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_process_paused_at_its_last_task_completes(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "cleanup")
    intents.want("PAUSE")
    world.say(order, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_blocked_process_is_paused_and_is_blocked_again_when_resumed(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, task_state=EXECUTING, blocked=True, reason="h is away", condition_code=1)
    world.settle()
    intents.want("PAUSE")
    assert world.last().process_state == P.PROCESS_STATE_PAUSED
    intents.want("RUN")
    assert world.last().process_state == P.PROCESS_STATE_BLOCKED
    assert world.last().reason == "env-setup: h is away"


def test_an_early_pause_is_kept_for_the_launch(world: Any, plan: Any, intents: Intents) -> None:
    intents.want("PAUSE", seq=2)
    intents.want("CANCEL", seq=1)
    world.launch("proc-1", plan)
    assert world.orders() == []
    assert world.last().process_state == P.PROCESS_STATE_PAUSED
    intents.want("RUN", seq=3)
    assert [order.task_id for order in world.orders()] == ["env-setup"]


def test_launch_and_intents_in_one_batch(world: Any, plan: Any, intents: Intents) -> None:
    world.launch("proc-1", plan)
    intents.want("PAUSE")
    assert world.process_states() == ["QUEUED", "PAUSED"]


@pytest.mark.parametrize("late", [{"seq": 1}, {"seq": 4, "tenant": "other"}, {"seq": 3}])
def test_stale_and_foreign_intents_change_nothing(world: Any, plan: Any, intents: Intents, late: Any) -> None:
    under_way(world, plan, "env-setup")
    intents.want("PAUSE", seq=2)
    intents.want("PAUSE", seq=3)
    before = world.rows()
    intents.want("RUN", **late)
    assert world.rows() == before


def test_an_ended_process_stays_as_it_is(world: Any, plan: Any, intents: Intents) -> None:
    world.launch("proc-1", plan)
    world.work()
    before = world.rows()
    for intent in ("PAUSE", "RUN", "CANCEL"):
        intents.want(intent)
    assert world.rows() == before


def test_a_pause_lifted_twice_in_one_batch_dispatches_once(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    intents.want("PAUSE")
    world.say(order, task_state=COMPLETED)
    world.settle()
    wanted = ((2, Intent.RUN), (3, Intent.PAUSE), (4, Intent.RUN))
    world.handlers.take([], [], [Intended("default", "proc-1", each, seq, "ada", "") for seq, each in wanted])
    assert [each.task_id for each in world.orders()] == ["stage-in-a", "stage-in-b"]


def test_what_is_told_is_numbered_without_gaps(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "stage-in-a")
    intents.want("PAUSE")
    intents.want("RUN")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    for wish in intents.wishes():
        order.task_id = wish.task_id
        world.say(order, **ENDED_AS_ASKED)
    world.work()
    told = world.read()
    for key in {(change.task_id, change.attempt) for change in told}:
        numbers = [change.seq for change in told if (change.task_id, change.attempt) == key]
        assert numbers == list(range(1, len(numbers) + 1)), key
    assert told[-1].process_state == P.PROCESS_STATE_CANCELED
