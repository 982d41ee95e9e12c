"""What an intent does to a process and its tasks: pure decisions, and the table they are read from."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from services.scheduler.domain.model import Intended, Run, Task
from services.scheduler.domain.states import Intent, TaskState, TaskType, TriggerRule
from services.scheduler.domain.transitions import INTENT, legal

CANCELED_BY_USER, PAUSED_BY_USER, ON_HOLD, MESSAGE_PARKED = 18, 19, 20, 21
"""Of vahana.event.v1.ConditionCode."""

_TOLD = {Intent.RUN: "resumed", Intent.PAUSE: "paused", Intent.CANCEL: "canceled"}

_LEAVES_JOBS = frozenset({TaskType.PRE_JOB_COMMAND, TaskType.JOB_SUBMISSION, TaskType.POST_JOB_COMMAND})
"""What they begin on the host goes on without an executor, and may outlive the attempt that began it."""


class Where(Enum):
    """How far a task is, as a cancel sees it."""

    WAITING = "its dependencies have not all ended"
    READY = "nothing of it was dispatched"
    PLANNED = "an attempt has failed, the next one is not dispatched"
    UNDER_WAY = "an attempt is dispatched"
    ENDED = "it has ended"


class Effect(Enum):
    """What a cancel does to a task."""

    LEAVE = "leave"
    END = "end"
    """Canceled at once: nothing of it is anywhere."""
    ASK = "ask"
    """The executors are asked to end the attempt."""
    CLOSE = "close"
    """An attempt is dispatched that ends what was left running."""


ON_CANCEL: Mapping[Where, Effect] = {
    # Decided over when the last of its dependencies has ended: whatever runs finds all of its ancestors ended.
    Where.WAITING: Effect.LEAVE,
    Where.READY: Effect.END,
    Where.PLANNED: Effect.END,
    Where.UNDER_WAY: Effect.ASK,
    Where.ENDED: Effect.LEAVE,
}


def supersedes(run: Run, intended: Intended) -> bool:
    """Whether an intent is to be followed: newer than the last, of the same tenant, and not too late."""
    return (
        intended.tenant == run.tenant
        and intended.seq > run.intent_seq
        and not run.ended
        and legal(INTENT, run.intent, intended.intent)
    )


def follow(run: Run, intended: Intended) -> None:
    """Takes an intent over."""
    run.intent, run.intent_seq, run.intent_reason = intended.intent, intended.seq, sentence(intended)


def sentence(intended: Intended) -> str:
    """What people are told of an intent, e.g. "paused by ada: the input is wrong"."""
    told = f"{_TOLD[intended.intent]} by {intended.caller or 'an unknown caller'}"
    return f"{told}: {intended.comment}" if intended.comment else told


def spared(run: Run, task: Task) -> bool:
    """Whether a cancel leaves a task to its trigger rule: the cleanup of what was begun, unless it is for failures."""
    return task.type is TaskType.CLEANUP and run.begun and task.rule is not TriggerRule.ONE_FAILED


def doomed(run: Run, task: Task) -> bool:
    """Whether a task is to be canceled instead of being dispatched."""
    return run.intent is Intent.CANCEL and not spared(run, task)


def where(task: Task) -> Where:
    """How far a task is."""
    if task.ended:
        return Where.ENDED
    if task.state is TaskState.CREATED:
        return Where.WAITING if task.pending else Where.READY
    return Where.PLANNED if task.held or task.next_attempt_us is not None else Where.UNDER_WAY


def effect(run: Run, task: Task, owner: Task | None) -> Effect:
    """What the cancel of its process does to a task. `owner`: the task whose job it is about, where there is one."""
    if not doomed(run, task):
        return Effect.LEAVE
    found = ON_CANCEL[where(task)]
    return Effect.CLOSE if found is Effect.END and _left_something(task, owner) else found


def leaves_work(run: Run, task: Task) -> bool:
    """Whether a failed attempt of a task that is canceled may have left something on a host that is to be looked for,
    whatever is said of it: the failure and the cancel have crossed each other. What was opened to look has looked.
    """
    kinds = _LEAVES_JOBS | {TaskType.MONITORING}
    return doomed(run, task) and task.type in kinds and not task.closing


def _left_something(task: Task, owner: Task | None) -> bool:
    """Whether something of a task not dispatched now may run on a host: a job handed over that nobody watches yet, or
    what an attempt that failed has begun."""
    if task.type is TaskType.MONITORING:
        return owner is not None and owner.state is TaskState.COMPLETED
    return task.type in _LEAVES_JOBS and task.attempt > 1
