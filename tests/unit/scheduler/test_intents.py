"""What intents do to processes and tasks: the table whole, and the decisions read from it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from services.scheduler import walker
from services.scheduler.domain import intents, progress
from services.scheduler.domain.intents import CANCELED_BY_USER, ON_CANCEL, PAUSED_BY_USER, Effect, Where
from services.scheduler.domain.model import Intended, Run, Task, Trouble
from services.scheduler.domain.states import Intent, Phase, ProcessState, TaskState, TaskType, TriggerRule
from services.scheduler.domain.transitions import ENDED_PROCESSES, ENDED_TASKS, PROCESS, legal
from vahana.event.v1 import state_pb2


def run(**more: Any) -> Run:
    return Run("default", "proc-1", "exp-1", 0, b"", 0, 0, **more)


def task(kind: TaskType = TaskType.PRE_JOB_COMMAND, rule: TriggerRule = TriggerRule.ALL_SUCCESS, **more: Any) -> Task:
    return Task("default", "proc-1", "t", 0, 0, kind, rule, True, (), "", b"", **more)


def wanted(intent: Intent, seq: int = 1, tenant: str = "default", comment: str = "") -> Intended:
    return Intended(tenant, "proc-1", intent, seq, "ada", comment)


CANCELING = {"intent": Intent.CANCEL, "intent_seq": 1, "intent_reason": "canceled by ada", "phase": Phase.MONITORING}


def test_the_table_is_whole() -> None:
    assert set(ON_CANCEL) == set(Where)
    assert {state_pb2.ConditionCode.Name(code) for code in (CANCELED_BY_USER, PAUSED_BY_USER)} == {
        "CONDITION_CODE_CANCELED_BY_USER",
        "CONDITION_CODE_PAUSED_BY_USER",
    }


@pytest.mark.parametrize(("state", "intent"), product(ProcessState, Intent))
def test_every_intent_of_every_process_that_has_not_ended_is_followed(state: ProcessState, intent: Intent) -> None:
    assert intents.supersedes(run(state=state), wanted(intent)) is (state not in ENDED_PROCESSES)


@pytest.mark.parametrize(("before", "after"), product(Intent, Intent))
def test_only_a_newer_intent_of_the_tenant_is_followed_and_none_after_a_cancel(before: Intent, after: Intent) -> None:
    present = run(intent=before, intent_seq=5)
    assert intents.supersedes(present, wanted(after, 6)) is (before is not Intent.CANCEL)
    assert not intents.supersedes(present, wanted(after, 5))
    assert not intents.supersedes(present, wanted(after, 4))
    assert not intents.supersedes(present, wanted(after, 6, tenant="other"))


def test_what_people_are_told() -> None:
    assert intents.sentence(wanted(Intent.PAUSE, comment="wrong input")) == "paused by ada: wrong input"
    assert intents.sentence(wanted(Intent.CANCEL)) == "canceled by ada"
    assert intents.sentence(Intended("default", "p", Intent.RUN, 1, "", "")) == "resumed by an unknown caller"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"pending": 1}, Where.WAITING),
        ({}, Where.READY),
        ({"held": True}, Where.READY),
        ({"state": TaskState.SCHEDULED, "attempt": 2, "next_attempt_us": 5}, Where.PLANNED),
        ({"state": TaskState.SCHEDULED, "attempt": 2, "held": True}, Where.PLANNED),
        ({"state": TaskState.SCHEDULED, "attempt": 1}, Where.UNDER_WAY),
        ({"state": TaskState.EXECUTING, "attempt": 1}, Where.UNDER_WAY),
        *(({"state": state}, Where.ENDED) for state in ENDED_TASKS),
    ],
)
def test_where_a_task_is(fields: dict[str, Any], found: Where) -> None:
    assert intents.where(task(**fields)) is found


@pytest.mark.parametrize("intent", [Intent.RUN, Intent.PAUSE])
@pytest.mark.parametrize("kind", TaskType)
def test_without_a_cancel_nothing_is_ended(intent: Intent, kind: TaskType) -> None:
    present = run(**{**CANCELING, "intent": intent})
    assert intents.effect(present, task(kind, state=TaskState.EXECUTING), None) is Effect.LEAVE
    assert not intents.doomed(present, task(kind))


@pytest.mark.parametrize("kind", [kind for kind in TaskType if kind is not TaskType.CLEANUP])
def test_what_a_cancel_does(kind: TaskType) -> None:
    present = run(**CANCELING)
    leaves = kind in {TaskType.PRE_JOB_COMMAND, TaskType.JOB_SUBMISSION, TaskType.POST_JOB_COMMAND}
    planned = task(kind, state=TaskState.SCHEDULED, attempt=2, held=True)
    assert intents.effect(present, task(kind, pending=1), None) is Effect.LEAVE
    assert intents.effect(present, task(kind), None) is Effect.END
    assert intents.effect(present, planned, None) is (Effect.CLOSE if leaves else Effect.END)
    assert intents.effect(present, task(kind, state=TaskState.EXECUTING, attempt=1), None) is Effect.ASK
    assert intents.effect(present, task(kind, state=TaskState.COMPLETED), None) is Effect.LEAVE


@pytest.mark.parametrize("kind", TaskType)
def test_whose_failure_may_leave_work_on_a_host(kind: TaskType) -> None:
    jobs = {TaskType.PRE_JOB_COMMAND, TaskType.JOB_SUBMISSION, TaskType.POST_JOB_COMMAND}
    leaves = kind in jobs | {TaskType.MONITORING}
    assert intents.leaves_work(run(**CANCELING), task(kind, attempt=1)) is leaves
    assert not intents.leaves_work(run(**CANCELING), task(kind, attempt=2, closing=True))
    assert not intents.leaves_work(run(), task(kind, attempt=1))


@pytest.mark.parametrize("state", TaskState)
def test_a_job_handed_over_is_ended_by_its_monitoring(state: TaskState) -> None:
    owner = task(TaskType.JOB_SUBMISSION, state=state)
    expected = Effect.CLOSE if state is TaskState.COMPLETED else Effect.END
    assert intents.effect(run(**CANCELING), task(TaskType.MONITORING), owner) is expected


@pytest.mark.parametrize("rule", TriggerRule)
def test_cleanup_is_spared_where_something_was_begun_unless_it_is_for_failures(rule: TriggerRule) -> None:
    cleanup = task(TaskType.CLEANUP, rule)
    assert intents.doomed(run(**CANCELING), cleanup) is (rule is TriggerRule.ONE_FAILED)
    assert intents.doomed(run(**{**CANCELING, "phase": Phase.UNSPECIFIED}), cleanup)


@pytest.mark.parametrize(("rule", "pending", "failed", "skipped"), product(TriggerRule, (0, 1), (0, 1), (0, 1)))
def test_the_walker_cancels_the_doomed_when_their_turn_comes(
    rule: TriggerRule, pending: int, failed: int, skipped: int
) -> None:
    tally = walker.Tally(pending, failed, skipped)
    verdict = walker.verdict(rule, tally, doomed=True)
    assert verdict is (walker.Verdict.WAIT if pending else walker.Verdict.CANCEL)


def test_a_walk_of_a_canceled_plan_ends_round_by_round() -> None:
    plan = [
        walker.Node("a", TriggerRule.ALL_SUCCESS),
        walker.Node("b", TriggerRule.ALL_SUCCESS, ("a",)),
        walker.Node("tidy", TriggerRule.ALL_DONE, ("b",)),
    ]
    first = walker.start(plan, {"a", "b"})
    assert (first.run, first.skip, first.cancel) == ([], [], ["a"])
    rules = {node.task_id: node.rule for node in plan}
    second = walker.advance([(TaskState.CANCELED, ["b"])], rules, first.tallies, {"a", "b"})
    assert (second.run, second.cancel) == ([], ["b"])
    third = walker.advance([(TaskState.CANCELED, ["tidy"])], rules, first.tallies, {"a", "b"})
    assert (third.run, third.cancel) == (["tidy"], [])


@pytest.mark.parametrize(
    ("open_tasks", "failed", "canceled", "end"),
    [
        (1, True, True, None),
        (0, False, True, ProcessState.COMPLETED),
        (0, True, True, ProcessState.CANCELED),
        (0, True, False, ProcessState.FAILED),
        (0, False, False, ProcessState.COMPLETED),
    ],
)
def test_how_a_canceled_process_ends(open_tasks: int, failed: bool, canceled: bool, end: ProcessState | None) -> None:
    assert walker.process_end(open_tasks, failed, canceled=canceled) is end


def test_what_a_process_is_told_to_be() -> None:
    blocked = task(state=TaskState.EXECUTING, trouble=Trouble.BLOCKED, reason="h is away", condition=1)
    paused = run(**{**CANCELING, "intent": Intent.PAUSE, "intent_reason": "paused by ada"})
    standing = progress.standing_of(paused, None, blocked)
    assert (standing.state, standing.reason, standing.condition) == (ProcessState.PAUSED, "paused by ada", 19)
    canceling = progress.standing_of(run(**CANCELING), None, None)
    assert (canceling.state, canceling.condition) == (ProcessState.CANCELING, CANCELED_BY_USER)
    waiting = progress.standing_of(run(**CANCELING), None, blocked)
    assert waiting.reason == "canceled by ada; still to be ended, t: h is away"
    assert (waiting.state, waiting.condition) == (ProcessState.CANCELING, 1)
    ended = run(**CANCELING, failure="t: exit code 3", failure_condition=6)
    assert progress.standing_of(ended, ProcessState.CANCELED, None).reason == "canceled by ada; t: exit code 3"


@pytest.mark.parametrize("before", [ProcessState.QUEUED, ProcessState.EXECUTING, ProcessState.BLOCKED])
@pytest.mark.parametrize("after", [ProcessState.PAUSED, ProcessState.CANCELING, ProcessState.CANCELED])
def test_pause_and_cancel_are_legal_wherever_a_process_is_under_way(before: ProcessState, after: ProcessState) -> None:
    assert legal(PROCESS, before, after)
    assert legal(PROCESS, ProcessState.PAUSED, after)
