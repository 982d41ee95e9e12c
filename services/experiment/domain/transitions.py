"""The state machines of experiments, processes, tasks and intents, as data.

A state's successors are the states it may turn into; a state that is its own successor may be reported again with
another reason, phase or job. Numbers are those of `vahana.event.v1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any, TypeVar


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


class ProcessIntent(IntEnum):
    """What a person wants of a process."""

    RUN = 1
    PAUSE = 2
    CANCEL = 3


State = TypeVar("State", ExperimentState, ProcessState, TaskState, ProcessIntent)

_E, _P, _T, _I = ExperimentState, ProcessState, TaskState, ProcessIntent

EXPERIMENT: Mapping[ExperimentState, frozenset[ExperimentState]] = {
    _E.CREATED: frozenset({_E.VALIDATED, _E.LAUNCHED}),
    # To CREATED: what was found sound was changed.
    _E.VALIDATED: frozenset({_E.CREATED, _E.LAUNCHED}),
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

# There is no way back from a cancel. A process that has ended is asked for nothing.
INTENT: Mapping[ProcessIntent, frozenset[ProcessIntent]] = {
    _I.RUN: frozenset({_I.PAUSE, _I.CANCEL}),
    _I.PAUSE: frozenset({_I.RUN, _I.CANCEL}),
    _I.CANCEL: frozenset(),
}

# By a new process alone, never by what is told of an old one: terminal for whoever follows the process that ended.
RELAUNCH: Mapping[ExperimentState, ExperimentState] = {
    _E.CANCELED: _E.LAUNCHED,
    _E.COMPLETED: _E.LAUNCHED,
    _E.FAILED: _E.LAUNCHED,
}

# What is asked for, its name, description and tags aside, can be changed until it is launched.
CHANGEABLE = frozenset({_E.CREATED, _E.VALIDATED})

# Each ends by itself: at any time only some of all experiments are in one of these.
UNDER_WAY = frozenset({_E.LAUNCHED, _E.EXECUTING, _E.CANCELING})

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


_MACHINES: Mapping[type, Mapping[Any, frozenset[Any]]] = {_E: EXPERIMENT, _P: PROCESS, _T: TASK, _I: INTENT}


def machine_of(state: State) -> Mapping[State, frozenset[State]]:
    """The table `state` belongs to."""
    return _MACHINES[type(state)]


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
