"""What reports do to a process, a task and an experiment."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.experiment.domain.projection import ProcessReport, TaskReport, advance_process, advance_task, follow
from services.experiment.domain.records import Experiment, Process, Task
from services.experiment.domain.transitions import (
    EXPERIMENT_OF_PROCESS,
    ExperimentState,
    ProcessState,
    TaskState,
    reachable,
    terminal,
)

PROCESS = Process("t", "proc-1", "exp-1", ProcessState.CREATED, 0, "", 0, 0, 0, 1, 1, 1, "/s/exp-1/proc-1", b"")
TASK = Task("proc-1", "submit", 2, 4, TaskState.CREATED, 0, 0, False, 3, "", 0, "", b"", None, None, 1)
EXPERIMENT = Experiment("exp-1", "p", b"", ExperimentState.LAUNCHED, "", 0, "proc-1", "ada", 1, 1, 2)


def told(task, *reports):
    """The task after those of the reports that count."""
    for report in reports:
        task = advance_task(task, report) or task
    return task


def report(state, attempt=1, seq=1, **more):
    return TaskReport(state, attempt, seq, **{"time": 1000 * attempt + seq, **more})


def test_a_task_from_scheduled_to_completed():
    task = told(TASK, report(TaskState.SCHEDULED), report(TaskState.EXECUTING, job=b"job"))
    assert (task.state, task.attempt, task.start_time, task.end_time, task.job) == (3, 1, 1001, None, b"job")
    task = told(task, report(TaskState.COMPLETED, seq=2))
    assert (task.state, task.start_time, task.end_time, task.job) == (TaskState.COMPLETED, 1001, 1002, b"job")


def test_what_a_task_waits_for_comes_and_goes():
    running = told(TASK, report(TaskState.SCHEDULED), report(TaskState.EXECUTING))
    waiting = told(running, report(TaskState.EXECUTING, seq=2, reason="the host does not answer", condition_code=1))
    assert (waiting.reason, waiting.condition_code) == ("the host does not answer", 1)
    again = told(waiting, report(TaskState.EXECUTING, seq=3))
    assert (again.reason, again.condition_code) == ("", 0)
    assert advance_task(again, report(TaskState.EXECUTING, seq=2, reason="the host does not answer")) is None


def test_a_failed_attempt_is_not_the_end_of_the_task():
    failed = report(TaskState.FAILED, seq=2, reason="broken pipe", condition_code=1)
    task = told(TASK, report(TaskState.SCHEDULED), report(TaskState.EXECUTING), failed)
    assert (task.state, task.attempt, task.attempt_ended) == (TaskState.SCHEDULED, 1, True)
    assert task.reason == "attempt 1 of 3 failed: broken pipe"
    assert task.end_time is None
    late = [report(TaskState.EXECUTING, seq=9), failed, report(TaskState.SCHEDULED, seq=9)]
    assert [advance_task(task, each) for each in late] == [None, None, None]
    second = told(task, report(TaskState.SCHEDULED, attempt=2))
    assert (second.state, second.attempt, second.attempt_ended, second.reason) == (TaskState.SCHEDULED, 2, False, "")


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_task_given_up_is_failed_for_good(attempt):
    task = told(
        TASK,
        report(TaskState.SCHEDULED, attempt=attempt),
        report(TaskState.FAILED, attempt=attempt, seq=2, reason="exit code 1"),
        report(TaskState.FAILED, attempt=attempt, seq=2, reason="exit code 1", given_up=True),
    )
    assert (task.state, task.reason) == (TaskState.FAILED, "exit code 1")
    assert advance_task(task, report(TaskState.SCHEDULED, attempt=4)) is None


def test_a_task_waiting_for_its_next_attempt_may_be_canceled_or_given_up():
    waiting = told(TASK, report(TaskState.SCHEDULED), report(TaskState.FAILED))
    assert told(waiting, report(TaskState.CANCELED, seq=2)).state is TaskState.CANCELED
    assert told(waiting, report(TaskState.FAILED, seq=2, given_up=True)).state is TaskState.FAILED


def test_an_attempt_that_ends_what_a_last_one_left_goes_on_with_the_task():
    last = told(TASK, report(TaskState.SCHEDULED, attempt=3), report(TaskState.FAILED, attempt=3))
    closing = told(last, report(TaskState.SCHEDULED, attempt=4), report(TaskState.CANCELED, attempt=4, seq=2))
    assert (closing.state, closing.attempt) == (TaskState.CANCELED, 4)


def test_a_task_that_is_never_needed():
    assert told(TASK, report(TaskState.SKIPPED, attempt=0)).state is TaskState.SKIPPED
    assert advance_task(told(TASK, report(TaskState.SCHEDULED)), report(TaskState.SKIPPED)) is None


@pytest.mark.parametrize("state", [TaskState.SCHEDULED, TaskState.EXECUTING, TaskState.COMPLETED, TaskState.FAILED])
def test_without_an_attempt_nothing_runs(state):
    assert advance_task(TASK, report(state, attempt=0)) is None


def test_a_new_attempt_starts_afresh():
    first = told(TASK, report(TaskState.SCHEDULED), report(TaskState.EXECUTING, job=b"job", reason="slow"))
    second = told(first, report(TaskState.SCHEDULED, attempt=2))
    assert (second.job, second.start_time, second.reason) == (b"", None, "")


@given(
    st.lists(
        st.builds(
            TaskReport,
            state=st.sampled_from(TaskState),
            attempt=st.integers(0, 4),
            seq=st.integers(1, 4),
            time=st.integers(0, 9),
            given_up=st.booleans(),
        ),
        max_size=12,
    )
)
def test_no_sequence_of_reports_breaks_a_task(reports):
    task = TASK
    for each in reports:
        moved = advance_task(task, each)
        if moved is not None:
            assert not terminal(task.state)
            assert moved.attempt >= task.attempt
            assert reachable(task.state, moved.state)
            assert moved.state in (each.state, TaskState.SCHEDULED)
            # What was taken once is not taken again.
            assert advance_task(moved, each) is None
            task = moved


@given(
    st.lists(
        st.builds(
            ProcessReport, state=st.sampled_from(ProcessState), seq=st.integers(1, 9), reason=st.text(max_size=2)
        ),
        max_size=12,
    )
)
def test_no_sequence_of_reports_breaks_a_process_or_its_experiment(reports):
    process, experiment = PROCESS, EXPERIMENT
    for each in reports:
        moved = advance_process(process, each)
        if moved is not None:
            assert not terminal(process.state)
            assert (moved.state, moved.seq, moved.reason) == (each.state, each.seq, each.reason)
            assert moved.seq > process.seq
            process, experiment = moved, follow(experiment, moved)
            assert (experiment.state, experiment.reason) == (EXPERIMENT_OF_PROCESS[moved.state], moved.reason)


def test_an_experiment_says_what_its_process_waits_for():
    process = replace(PROCESS, state=ProcessState.BLOCKED, reason="cluster does not answer", condition_code=1)
    blocked = follow(EXPERIMENT, process)
    assert (blocked.state, blocked.reason, blocked.condition_code) == (
        ExperimentState.EXECUTING,
        "cluster does not answer",
        1,
    )
    assert follow(blocked, replace(process, state=ProcessState.EXECUTING, reason="", condition_code=0)).reason == ""


def test_an_experiment_that_is_being_canceled_stays_so_until_its_process_ends():
    canceling = replace(EXPERIMENT, state=ExperimentState.CANCELING)
    assert follow(canceling, replace(PROCESS, state=ProcessState.EXECUTING)) == canceling
    assert follow(canceling, replace(PROCESS, state=ProcessState.COMPLETED)).state is ExperimentState.COMPLETED


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_cancel_ends_a_task_that_has_not_ended(attempt):
    begun = [] if attempt == 0 else [report(TaskState.SCHEDULED), report(TaskState.EXECUTING, job=b"job")]
    canceled = told(TASK, *begun, report(TaskState.CANCELED, attempt=attempt, seq=2, reason="canceled by ada"))
    assert (canceled.state, canceled.reason, canceled.end_time) == (
        TaskState.CANCELED,
        "canceled by ada",
        1000 * attempt + 2,
    )
    assert advance_task(canceled, report(TaskState.COMPLETED, attempt=1, seq=3)) is None


def test_a_task_that_won_against_its_cancel_stays_completed():
    done = told(TASK, report(TaskState.SCHEDULED), report(TaskState.EXECUTING), report(TaskState.COMPLETED, seq=2))
    assert advance_task(done, report(TaskState.CANCELED, seq=3)) is None
    # The executor had ended it before the scheduler said that it began.
    assert told(TASK, report(TaskState.CANCELED)).state is TaskState.CANCELED


def test_a_paused_process_goes_on_and_its_experiment_says_so():
    paused = advance_process(PROCESS, ProcessReport(ProcessState.PAUSED, 2, reason="paused by ada", condition_code=19))
    assert paused
    waiting = follow(EXPERIMENT, paused)
    assert (waiting.state, waiting.reason, waiting.condition_code) == (ExperimentState.EXECUTING, "paused by ada", 19)
    resumed = advance_process(paused, ProcessReport(ProcessState.EXECUTING, 3))
    assert resumed
    assert (follow(waiting, resumed).state, follow(waiting, resumed).reason) == (ExperimentState.EXECUTING, "")


def test_a_phase_stays_until_another_one_is_told():
    staging = advance_process(PROCESS, ProcessReport(ProcessState.EXECUTING, 2, phase=2))
    assert staging
    assert staging.phase == 2
    blocked = advance_process(staging, ProcessReport(ProcessState.BLOCKED, 3, reason="disk full"))
    assert blocked
    assert (blocked.phase, blocked.reason) == (2, "disk full")
