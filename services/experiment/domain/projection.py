"""How reported changes move a process, its tasks and its experiment.

The scheduler alone speaks of a process, in order; of a task speak the scheduler (scheduled, skipped) and the executor
(the rest), each attempt outranking those before it. An observer may miss steps, so every state that can still be
reached is taken; whatever comes too late or is illegal leaves all as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.experiment.domain.records import Experiment, Output, Process, Task
from services.experiment.domain.transitions import (
    EXPERIMENT_OF_PROCESS,
    ProcessState,
    TaskState,
    legal,
    reachable,
    terminal,
)


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What the scheduler says of a process; `seq` numbers what it says of it."""

    state: ProcessState
    seq: int
    phase: int = 0
    reason: str = ""
    condition_code: int = 0


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What is said of one attempt of a task; `time` is in microseconds, `output` what a staging task brought back.

    `given_up`: where it failed, no other attempt follows.
    """

    state: TaskState
    attempt: int
    seq: int
    time: int
    given_up: bool = False
    reason: str = ""
    condition_code: int = 0
    job: bytes = b""
    output: Output | None = None


Report = ProcessReport | TaskReport


def advance_process(process: Process, report: ProcessReport) -> Process | None:
    """The process after the report; None where that changes nothing."""
    if report.seq <= process.seq or not reachable(process.state, report.state):
        return None
    return replace(
        process,
        state=report.state,
        seq=report.seq,
        phase=report.phase or process.phase,
        reason=report.reason,
        condition_code=report.condition_code,
    )


def advance_task(task: Task, report: TaskReport) -> Task | None:
    """The task after the report; None where that changes nothing.

    A failed attempt makes the task SCHEDULED again until it is given up: whether another one follows, the scheduler
    decides.
    """
    if report.attempt < task.attempt or not reachable(task.state, report.state):
        return None
    again = report.state is TaskState.FAILED and not report.given_up
    if report.attempt == task.attempt and not _goes_on(task, report, again):
        return None
    spent = f"attempt {report.attempt} of {task.max_attempts} failed: {report.reason}"
    return replace(
        task,
        state=TaskState.SCHEDULED if again else report.state,
        attempt=report.attempt,
        seq=report.seq,
        attempt_ended=again,
        reason=spent if again else report.reason,
        condition_code=report.condition_code,
        job=report.job or (task.job if report.attempt == task.attempt else b""),
        start_time=_start_time(task, report),
        end_time=report.time if terminal(report.state) and not again else None,
    )


def follow(experiment: Experiment, process: Process) -> Experiment:
    """The experiment beside its latest process: what that waits for, or why it ended, is the experiment's reason."""
    state = EXPERIMENT_OF_PROCESS[process.state]
    if state is not experiment.state and not reachable(experiment.state, state):
        return experiment
    return replace(experiment, state=state, reason=process.reason, condition_code=process.condition_code)


def _goes_on(task: Task, report: TaskReport, again: bool) -> bool:
    """Whether the report is news within the attempt that stands."""
    if task.attempt_ended:
        return terminal(report.state) and not again
    if report.state is TaskState.SCHEDULED:
        return False
    if report.state is task.state:
        return report.seq > task.seq
    return legal(task.state, report.state)


def _start_time(task: Task, report: TaskReport) -> int | None:
    known = task.start_time if report.attempt == task.attempt else None
    return report.time if known is None and report.state is TaskState.EXECUTING else known
