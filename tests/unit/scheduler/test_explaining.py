"""Whatever a process waits for is told: never nothing, while it has not ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.scheduler.domain.explaining import explain
from services.scheduler.domain.model import Run, Task, Trouble
from services.scheduler.domain.states import Intent, Lane, ProcessState, TaskState, TaskType, TriggerRule

RUN = Run("default", "proc-1", "exp-1", 0, b"", 100, 200, state=ProcessState.EXECUTING)
TASK = Task(
    "default", "proc-1", "submit", 0, 1, TaskType.JOB_SUBMISSION, TriggerRule.ALL_SUCCESS, True, (), "submit", None,
    attempt=1, since_us=150,
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "waits_for", "after", "due"),
    [
        ({"held": True}, "while the process is paused", "once resumed", None),
        (
            {"state": TaskState.SCHEDULED, "next_attempt_us": 900, "attempt": 2, "reason": "attempt 1 of 3 failed: ?"},
            "attempt 1 of 3 failed", "attempt 2 is dispatched", 900,
        ),
        ({}, "its turn has come", "it is dispatched", None),
        (
            {"state": TaskState.SCHEDULED, "resend_us": 700},
            "an executor to begin attempt 1, dispatched on the slow lane; it stays on the bus while its lane is full",
            "unless an executor has begun it by then, it is sent again", 700,
        ),
        (
            {"state": TaskState.SCHEDULED, "resend_us": 700, "resends": 1},
            "dispatched on the slow lane and sent again once since; it stays", "it is sent again", 700,
        ),
        (
            {"state": TaskState.SCHEDULED, "resend_us": 700, "resends": 2, "task_id": "unknown"},
            "attempt 1, dispatched and sent again 2 times since; it stays", "it is sent again", 700,
        ),
        (
            {"state": TaskState.EXECUTING, "trouble": Trouble.BLOCKED, "reason": "h does not answer", "resend_us": 800},
            "h does not answer", "as soon as that is over", None,
        ),
        ({"state": TaskState.EXECUTING, "resend_us": 800}, "works on attempt 1", "tells how it ends", None),
        (
            {"state": TaskState.EXECUTING, "type": TaskType.MONITORING}, "its job has not ended", "how it ends", None,
        ),
    ],
)  # fmt: skip
def test_a_task_whose_turn_it_is(state: dict[str, Any], waits_for: str, after: str, due: int | None) -> None:
    task = replace(TASK, **state)
    (found,) = explain(RUN, [task], {"submit": Lane.SLOW})
    assert found.task_id == task.task_id
    assert waits_for in found.waits_for
    assert after in found.next
    assert (found.since_us, found.next_us) == (150, due)


def test_what_waits_for_others_is_counted_and_what_has_ended_is_left_out() -> None:
    tasks = [
        replace(TASK, task_id="env-setup", state=TaskState.COMPLETED),
        replace(TASK, state=TaskState.EXECUTING),
        replace(TASK, task_id="monitor", pending=1),
        replace(TASK, task_id="cleanup", pending=3),
    ]
    found = explain(RUN, tasks, {})
    assert [each.task_id for each in found] == ["submit", ""]
    assert found[1].waits_for == "2 tasks wait for those before"


@pytest.mark.parametrize("intent", [Intent.PAUSE, Intent.CANCEL])
def test_what_a_person_asked_for_comes_first(intent: Intent) -> None:
    run = replace(RUN, intent=intent, intent_reason="paused by ada: too hot")
    found = explain(run, [replace(TASK, state=TaskState.EXECUTING)], {})
    assert [each.task_id for each in found] == ["", "submit"]
    assert "by ada: too hot" in found[0].waits_for
    assert found[0].condition


def test_of_what_has_ended_nothing_is_told() -> None:
    assert explain(replace(RUN, state=ProcessState.COMPLETED), [replace(TASK, state=TaskState.COMPLETED)], {}) == []
