"""The state machines of experiments, processes and tasks, as data.

A state's successors are the states it may turn into; a state that is its own successor may be reported again with
another reason, phase or job. Numbers are those of `vahana.event.v1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import TypeVar


class ExperimentState(IntEnum):
    """How an experiment stands, for its user."""

    CREATED = 1
    VALIDATED = 2
    LAUNCHED = 3
    EXECUTING = 4
    CANCELING = 5
    CANCELED = 6
    COMPLETED = 7
    FAILED = 8


class ProcessState(IntEnum):
    """How one launch of an experiment stands."""

    CREATED = 1
    QUEUED = 2
    EXECUTING = 3
    BLOCKED = 4
    PAUSED = 5
    CANCELING = 6
    CANCELED = 7
    COMPLETED = 8
    FAILED = 9


class TaskState(IntEnum):
    """How one node of a process's DAG stands."""

    CREATED = 1
    SCHEDULED = 2
    EXECUTING = 3
    COMPLETED = 4
    FAILED = 5
    CANCELED = 6
    SKIPPED = 7


State = TypeVar("State", ExperimentState, ProcessState, TaskState)

_E, _P, _T = ExperimentState, ProcessState, TaskState

EXPERIMENT: Mapping[ExperimentState, frozenset[ExperimentState]] = {
    _E.CREATED: frozenset({_E.VALIDATED, _E.LAUNCHED}),
    _E.VALIDATED: frozenset({_E.LAUNCHED}),
    _E.LAUNCHED: frozenset({_E.EXECUTING, _E.CANCELING, _E.CANCELED, _E.FAILED}),
    _E.EXECUTING: frozenset({_E.CANCELING, _E.CANCELED, _E.COMPLETED, _E.FAILED}),
    _E.CANCELING: frozenset({_E.CANCELED, _E.COMPLETED, _E.FAILED}),
    _E.CANCELED: frozenset(),
    _E.COMPLETED: frozenset(),
    _E.FAILED: frozenset(),
}

PROCESS: Mapping[ProcessState, frozenset[ProcessState]] = {
    _P.CREATED: frozenset({_P.QUEUED, _P.CANCELING, _P.CANCELED, _P.FAILED}),
    _P.QUEUED: frozenset({_P.EXECUTING, _P.BLOCKED, _P.PAUSED, _P.CANCELING, _P.CANCELED, _P.FAILED}),
    _P.EXECUTING: frozenset({_P.EXECUTING, _P.BLOCKED, _P.PAUSED, _P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.BLOCKED: frozenset({_P.BLOCKED, _P.EXECUTING, _P.PAUSED, _P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.PAUSED: frozenset({_P.PAUSED, _P.EXECUTING, _P.BLOCKED, _P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.CANCELING: frozenset({_P.CANCELING, _P.CANCELED, _P.COMPLETED, _P.FAILED}),
    _P.CANCELED: frozenset(),
    _P.COMPLETED: frozenset(),
    _P.FAILED: frozenset(),
}

TASK: Mapping[TaskState, frozenset[TaskState]] = {
    _T.CREATED: frozenset({_T.SCHEDULED, _T.CANCELED, _T.SKIPPED}),
    # To SCHEDULED: the attempt failed and another one is left.
    _T.SCHEDULED: frozenset({_T.SCHEDULED, _T.EXECUTING, _T.COMPLETED, _T.FAILED, _T.CANCELED}),
    _T.EXECUTING: frozenset({_T.EXECUTING, _T.SCHEDULED, _T.COMPLETED, _T.FAILED, _T.CANCELED}),
    _T.COMPLETED: frozenset(),
    _T.FAILED: frozenset(),
    _T.CANCELED: frozenset(),
    _T.SKIPPED: frozenset(),
}

EXPERIMENT_OF_PROCESS: Mapping[ProcessState, ExperimentState] = {
    _P.CREATED: _E.LAUNCHED,
    _P.QUEUED: _E.LAUNCHED,
    _P.EXECUTING: _E.EXECUTING,
    _P.BLOCKED: _E.EXECUTING,
    _P.PAUSED: _E.EXECUTING,
    _P.CANCELING: _E.CANCELING,
    _P.CANCELED: _E.CANCELED,
    _P.COMPLETED: _E.COMPLETED,
    _P.FAILED: _E.FAILED,
}


def machine_of(state: State) -> Mapping[State, frozenset[State]]:
    """The table `state` belongs to."""
    machine: Mapping[State, frozenset[State]]
    if isinstance(state, ExperimentState):
        machine = EXPERIMENT
    elif isinstance(state, ProcessState):
        machine = PROCESS
    else:
        machine = TASK
    return machine


def legal(before: State, after: State) -> bool:
    """Whether `before` may turn into `after` in one step."""
    return after in machine_of(before)[before]


def reachable(before: State, after: State) -> bool:
    """Whether `before` may turn into `after` in one or more steps: what one who missed some may accept."""
    return after in _closure(before)


def terminal(state: State) -> bool:
    """Whether `state` never changes again."""
    return not machine_of(state)[state]


# Typed, since states of different machines are equal as numbers.
@lru_cache(maxsize=None, typed=True)
def _closure(state: State) -> frozenset[State]:
    seen: set[State] = set()
    ahead = list(machine_of(state)[state])
    while ahead:
        current = ahead.pop()
        if current not in seen:
            seen.add(current)
            ahead.extend(machine_of(current)[current])
    return frozenset(seen)
