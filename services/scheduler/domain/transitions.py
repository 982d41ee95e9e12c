"""The state machines of processes, intents, tasks and jobs, as data: the states each state may turn into.

A state among its own successors may be reported again, with another reason, phase or fact. States without successors
never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from services.scheduler.domain.states import Intent, JobState, ProcessState, TaskState

_P, _T, _J = ProcessState, TaskState, JobState
State = TypeVar("State", ProcessState, Intent, TaskState, JobState)
Machine = Mapping[State, frozenset[State]]

PROCESS: Machine[ProcessState] = {
    _P.CREATED: frozenset({_P.QUEUED, _P.CANCELING, _P.CANCELED, _P.FAILED}),
    _P.QUEUED: frozenset({_P.EXECUTING, _P.BLOCKED, _P.PAUSED, _P.CANCELING, _P.CANCELED, _P.FAILED}),
    _P.EXECUTING: frozenset({_P.EXECUTING, _P.BLOCKED, _P.PAUSED, _P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.BLOCKED: frozenset({_P.BLOCKED, _P.EXECUTING, _P.PAUSED, _P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.PAUSED: frozenset({_P.PAUSED, _P.EXECUTING, _P.BLOCKED, _P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    # The job may win the race against its cancel.
    _P.CANCELING: frozenset({_P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.CANCELED: frozenset(),
    _P.COMPLETED: frozenset(),
    _P.FAILED: frozenset(),
}

# Repeated by somebody else, an intent has another reason. From CANCEL there is no way back.
INTENT: Machine[Intent] = {
    Intent.RUN: frozenset({Intent.RUN, Intent.PAUSE, Intent.CANCEL}),
    Intent.PAUSE: frozenset({Intent.PAUSE, Intent.RUN, Intent.CANCEL}),
    Intent.CANCEL: frozenset(),
}

TASK: Machine[TaskState] = {
    _T.CREATED: frozenset({_T.SCHEDULED, _T.CANCELED, _T.SKIPPED}),
    # To SCHEDULED: the attempt failed and another one is left.
    _T.SCHEDULED: frozenset({_T.SCHEDULED, _T.EXECUTING, _T.COMPLETED, _T.FAILED, _T.CANCELED}),
    _T.EXECUTING: frozenset({_T.EXECUTING, _T.SCHEDULED, _T.COMPLETED, _T.FAILED, _T.CANCELED}),
    _T.COMPLETED: frozenset(),
    _T.FAILED: frozenset(),
    _T.CANCELED: frozenset(),
    _T.SKIPPED: frozenset(),
}

_ENDS_OF_JOBS = frozenset({_J.COMPLETE, _J.CANCELED, _J.FAILED, _J.LOST})

JOB: Machine[JobState] = {
    _J.SUBMITTED: frozenset({_J.SUBMITTED, _J.QUEUED, _J.ACTIVE, _J.SUSPENDED}) | _ENDS_OF_JOBS,
    _J.QUEUED: frozenset({_J.QUEUED, _J.ACTIVE, _J.SUSPENDED}) | _ENDS_OF_JOBS,
    # Back to QUEUED: the job manager requeued it.
    _J.ACTIVE: frozenset({_J.ACTIVE, _J.QUEUED, _J.SUSPENDED}) | _ENDS_OF_JOBS,
    _J.SUSPENDED: frozenset({_J.SUSPENDED, _J.QUEUED, _J.ACTIVE}) | _ENDS_OF_JOBS,
    _J.COMPLETE: frozenset(),
    _J.CANCELED: frozenset(),
    _J.FAILED: frozenset(),
    # A job thought lost may be found again, or its receipt may turn up.
    _J.LOST: frozenset({_J.ACTIVE, _J.COMPLETE, _J.CANCELED, _J.FAILED}),
}


def legal(machine: Machine[State], before: State, after: State) -> bool:
    """Whether `before` may turn into `after`."""
    return after in machine[before]


def terminal(machine: Machine[State], state: State) -> bool:
    """Whether `state` never changes again."""
    return not machine[state]


ENDED_TASKS = frozenset(state for state in TaskState if terminal(TASK, state))
ENDED_PROCESSES = frozenset(state for state in ProcessState if terminal(PROCESS, state))
