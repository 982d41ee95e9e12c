"""The state machines are whole, and in the numbers of the contract."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from services.scheduler.domain import states, transitions
from services.scheduler.domain.states import Intent, JobState, ProcessState, TaskState
from services.scheduler.domain.transitions import INTENT, JOB, PROCESS, TASK, legal, terminal
from vahana.event.v1 import state_pb2, task_pb2

MACHINES: list[tuple[Any, type[IntEnum]]] = [
    (PROCESS, ProcessState),
    (INTENT, Intent),
    (TASK, TaskState),
    (JOB, JobState),
]


@pytest.mark.parametrize(("machine", "kind"), MACHINES)
def test_every_state_has_its_row(machine: Any, kind: type[IntEnum]) -> None:
    assert set(machine) == set(kind)
    assert all(successors <= set(kind) for successors in machine.values())


@pytest.mark.parametrize(
    ("machine", "ends"),
    [
        (PROCESS, {ProcessState.CANCELED, ProcessState.COMPLETED, ProcessState.FAILED}),
        (INTENT, {Intent.CANCEL}),
        (TASK, {TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELED, TaskState.SKIPPED}),
        (JOB, {JobState.COMPLETE, JobState.CANCELED, JobState.FAILED}),
    ],
)
def test_the_ends_are_those_of_the_contract(machine: Any, ends: set[IntEnum]) -> None:
    assert {state for state in machine if terminal(machine, state)} == ends


@pytest.mark.parametrize(("machine", "kind"), MACHINES)
def test_every_state_can_still_end(machine: Any, kind: type[IntEnum]) -> None:
    for state in kind:
        seen, ahead = {state}, [state]
        while ahead:
            fresh = machine[ahead.pop()] - seen
            seen |= fresh
            ahead += fresh
        assert any(terminal(machine, reached) for reached in seen)


def test_a_process_that_waits_returns_to_where_it_was() -> None:
    for waiting in (ProcessState.BLOCKED, ProcessState.PAUSED):
        assert legal(PROCESS, ProcessState.EXECUTING, waiting)
        assert legal(PROCESS, waiting, ProcessState.EXECUTING)


def test_a_job_may_win_against_its_cancel() -> None:
    assert legal(PROCESS, ProcessState.CANCELING, ProcessState.COMPLETED)


@pytest.mark.parametrize(
    ("kind", "contract", "prefix"),
    [
        (states.ProcessState, state_pb2.ProcessState, "PROCESS_STATE_"),
        (states.Intent, state_pb2.ProcessIntent, "PROCESS_INTENT_"),
        (states.TaskState, state_pb2.TaskState, "TASK_STATE_"),
        (states.JobState, state_pb2.JobState, "JOB_STATE_"),
        (states.TaskType, state_pb2.TaskType, "TASK_TYPE_"),
        (states.Phase, state_pb2.ProcessPhase, "PROCESS_PHASE_"),
        (states.TriggerRule, task_pb2.TriggerRule, "TRIGGER_RULE_"),
    ],
)
def test_numbers_are_those_of_the_contract(kind: type[IntEnum], contract: Any, prefix: str) -> None:
    told = {name.removeprefix(prefix): number for name, number in contract.items() if number or kind is states.Phase}
    assert told == {member.name: member.value for member in kind}


def test_every_task_type_has_a_phase() -> None:
    assert set(states.PHASE_OF) == set(states.TaskType)


def test_ends_are_gathered() -> None:
    assert {state for state in TaskState if terminal(TASK, state)} == transitions.ENDED_TASKS
    assert {state for state in ProcessState if terminal(PROCESS, state)} == transitions.ENDED_PROCESSES
