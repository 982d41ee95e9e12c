"""The state machines, whole."""

import itertools

import pytest

from services.experiment.domain.facts import DataType
from services.experiment.domain.plan import OutputSource, TaskType, TriggerRule
from services.experiment.domain.spec import CleanupPolicy
from services.experiment.domain.transitions import (
    CHANGEABLE,
    EXPERIMENT,
    EXPERIMENT_OF_PROCESS,
    INTENT,
    PROCESS,
    RELAUNCH,
    TASK,
    ExperimentState,
    ProcessIntent,
    ProcessState,
    TaskState,
    legal,
    reachable,
    terminal,
)
from vahana.event.v1 import state_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana.registry.v1 import application_pb2

# Each machine once more, by hand, as pictures: a state, and the initials of what may follow it.
EXPERIMENT_ROWS = {
    "CREATED": "VALIDATED LAUNCHED",
    "VALIDATED": "CREATED LAUNCHED",
    "LAUNCHED": "EXECUTING CANCELING CANCELED FAILED",
    "EXECUTING": "CANCELING CANCELED COMPLETED FAILED",
    "CANCELING": "CANCELED COMPLETED FAILED",
    "CANCELED": "",
    "COMPLETED": "",
    "FAILED": "",
}
PROCESS_ROWS = {
    "CREATED": "QUEUED CANCELING CANCELED FAILED",
    "QUEUED": "EXECUTING BLOCKED PAUSED CANCELING CANCELED FAILED",
    "EXECUTING": "EXECUTING BLOCKED PAUSED CANCELING CANCELED COMPLETED FAILED",
    "BLOCKED": "EXECUTING BLOCKED PAUSED CANCELING CANCELED COMPLETED FAILED",
    "PAUSED": "EXECUTING BLOCKED PAUSED CANCELING CANCELED COMPLETED FAILED",
    "CANCELING": "CANCELING CANCELED COMPLETED FAILED",
    "CANCELED": "",
    "COMPLETED": "",
    "FAILED": "",
}
TASK_ROWS = {
    "CREATED": "SCHEDULED CANCELED SKIPPED",
    "SCHEDULED": "SCHEDULED EXECUTING COMPLETED FAILED CANCELED",
    "EXECUTING": "SCHEDULED EXECUTING COMPLETED FAILED CANCELED",
    "COMPLETED": "",
    "FAILED": "",
    "CANCELED": "",
    "SKIPPED": "",
}
INTENT_ROWS = {
    "RUN": "PAUSE CANCEL",
    "PAUSE": "RUN CANCEL",
    "CANCEL": "",
}
MACHINES = [
    pytest.param(ExperimentState, EXPERIMENT, EXPERIMENT_ROWS, id="experiment"),
    pytest.param(ProcessState, PROCESS, PROCESS_ROWS, id="process"),
    pytest.param(TaskState, TASK, TASK_ROWS, id="task"),
    pytest.param(ProcessIntent, INTENT, INTENT_ROWS, id="intent"),
]


@pytest.mark.parametrize(("states", "machine", "rows"), MACHINES)
def test_every_pair(states, machine, rows):
    assert set(machine) == set(states)
    for before, after in itertools.product(states, states):
        assert legal(before, after) == (after.name in rows[before.name].split()), (before, after)


@pytest.mark.parametrize(("states", "machine", "rows"), MACHINES)
def test_terminal_states_are_final_and_reached_from_everywhere_else(states, machine, rows):
    ends = {state for state in states if terminal(state)}
    expected = {"CANCEL"} if states is ProcessIntent else {"COMPLETED", "FAILED", "CANCELED"}
    assert expected == {state.name for state in ends} - {"SKIPPED"}
    for state in states:
        ahead = {other for other in states if reachable(state, other)}
        assert not ahead if state in ends else ends & ahead


@pytest.mark.parametrize(("states", "machine", "rows"), MACHINES)
def test_reachable_is_any_number_of_legal_steps(states, machine, rows):
    for before in states:
        seen, edge = set(), {before}
        while edge:
            edge = {after for state in edge for after in states if legal(state, after)} - seen
            seen |= edge
        assert {after for after in states if reachable(before, after)} == seen


def test_nothing_returns_to_its_beginning():
    for state in ExperimentState:
        # By a change of what was found sound.
        assert reachable(state, ExperimentState.CREATED) == (state in CHANGEABLE)
        assert reachable(state, ExperimentState.LAUNCHED) == (state in CHANGEABLE)
    for state in ProcessState:
        assert not reachable(state, ProcessState.CREATED)
        assert state is ProcessState.CREATED or not reachable(state, ProcessState.QUEUED)


def test_a_relaunch_begins_anew_what_ended_and_nothing_else():
    assert set(RELAUNCH) == {state for state in ExperimentState if terminal(state)}
    assert set(RELAUNCH.values()) == {ExperimentState.LAUNCHED}
    assert not set(RELAUNCH) & CHANGEABLE


def test_a_job_may_win_the_race_with_its_cancel():
    assert legal(ExperimentState.CANCELING, ExperimentState.COMPLETED)
    assert legal(ProcessState.CANCELING, ProcessState.COMPLETED)


def test_an_experiment_never_does_what_its_process_cannot():
    for before, after in itertools.product(ProcessState, ProcessState):
        if reachable(before, after):
            first, then = EXPERIMENT_OF_PROCESS[before], EXPERIMENT_OF_PROCESS[after]
            assert first is then or reachable(first, then)
    assert {state for state in ProcessState if terminal(state)} == {
        state for state in ProcessState if terminal(EXPERIMENT_OF_PROCESS[state])
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (ExperimentState, state_pb2.ExperimentState, "EXPERIMENT_STATE_"),
        (ProcessState, state_pb2.ProcessState, "PROCESS_STATE_"),
        (TaskState, state_pb2.TaskState, "TASK_STATE_"),
        (ProcessIntent, state_pb2.ProcessIntent, "PROCESS_INTENT_"),
        (TaskType, state_pb2.TaskType, "TASK_TYPE_"),
        (TriggerRule, task_pb2.TriggerRule, "TRIGGER_RULE_"),
        (OutputSource, task_pb2.OutputSource, "OUTPUT_SOURCE_"),
        (DataType, application_pb2.DataType, "DATA_TYPE_"),
        (CleanupPolicy, experiment_pb2.CleanupPolicy, "CLEANUP_POLICY_"),
    ],
)
def test_numbers_are_those_of_the_contracts(ours, theirs, prefix):
    contract = {name.removeprefix(prefix): number for name, number in theirs.items()}
    contract.pop("UNSPECIFIED")
    assert {each.name: each.value for each in ours if each.name != "UNSPECIFIED"} == contract
