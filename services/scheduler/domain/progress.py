"""How tasks and processes move: pure steps on their records. Callers write what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from services.scheduler.domain.intents import CANCELED_BY_USER, MESSAGE_PARKED, ON_HOLD, PAUSED_BY_USER
from services.scheduler.domain.model import Report, Run, Task, Trouble
from services.scheduler.domain.states import PHASE_OF, Intent, ProcessState, TaskState, TriggerRule
from services.scheduler.domain.transitions import PROCESS, TASK, legal
from services.scheduler.retry import Again

# A dispatch nobody answers is sent again after a while, then ever less often, up to sixteen times that.
SLOWEST_RESEND = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """What people are told of a process."""

    state: ProcessState
    reason: str = ""
    condition: int = 0
    next_attempt_us: int | None = None


_REPORTED = frozenset({TaskState.EXECUTING, TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELED})

_WHY_SKIPPED = {
    TriggerRule.ALL_SUCCESS: "skipped: a task it needs did not complete",
    TriggerRule.ONE_FAILED: "skipped: no task it waits for failed",
    TriggerRule.NONE_SKIPPED: "skipped: a task it needs was skipped",
}


def news(task: Task, report: Report) -> bool:
    """Whether `report` is to be applied: of the attempt under way, not heard before, and legal."""
    return (
        report.attempt == task.attempt
        and report.seq > task.heard
        and task.next_attempt_us is None
        and not task.held
        and legal(TASK, task.state, report.state)
        and report.state in _REPORTED
    )


def hear(task: Task, report: Report, now: int, resend_after: int, *, canceling: bool = False) -> None:
    """Takes over a report that is news; a failure only as an end: whether it is one, the caller decides first.

    `canceling`: it is asked to end, and asked again as if nothing had been heard.
    """
    told = (report.state, report.reason)
    if told != (task.state, task.reason):
        task.since_us = now
    task.heard = report.seq
    task.state = report.state
    task.reason, task.condition = report.reason, report.condition
    task.trouble = Trouble.BLOCKED if report.blocked and not task.ended else None
    if task.ended:
        task.resend_us, task.resends = None, 0
    elif not canceling:
        # An attempt under way may be silent for days; asking again makes an ended one repeat what was lost.
        task.resend_us, task.resends = now + resend_after * SLOWEST_RESEND, 0


def plan_attempt(task: Task, report: Report, again: Again, now: int) -> None:
    """Puts the task down for another attempt, after the failure that `report` tells of."""
    told, at = report.reason or "no reason given", now + again.delay_us
    task.reason = f"attempt {task.attempt} of {again.max_attempts} failed: {told}; next attempt at {readable(at)}"
    task.condition = report.condition
    task.state = TaskState.SCHEDULED
    task.trouble = Trouble.WAITS_FOR_ATTEMPT
    task.attempt, task.heard, task.emitted = again.attempt, 0, 0
    task.next_attempt_us, task.since_us = at, now
    task.resend_us, task.resends = None, 0


def follow_attempt(task: Task) -> None:
    """Puts the number of the next attempt in the place of that of a failed one."""
    task.attempt, task.heard, task.emitted = task.attempt + 1, 0, 0


def open_attempt(task: Task, now: int, resend_after: int, *, closing: bool = False) -> None:
    """Opens the attempt that is due, or the first; `closing`: to end what runs of the task, and for nothing else."""
    task.attempt, task.closing = max(task.attempt, 1), closing
    task.state = TaskState.SCHEDULED
    task.trouble, task.reason, task.condition = None, "", 0
    task.next_attempt_us, task.held = None, False
    task.opened_us, task.since_us = task.opened_us or now, now
    task.resend_us, task.resends = now + resend_after, 0


def hold(task: Task, now: int) -> None:
    """Puts off what could be dispatched, until its process goes on."""
    task.next_attempt_us, task.held, task.trouble, task.since_us = None, True, None, now


def ask_to_end(task: Task, now: int, resend_after: int) -> None:
    """The executors are asked to end the attempt under way."""
    task.resend_us, task.resends = now + resend_after, 0


def cancel(run: Run, task: Task) -> None:
    """Ends a task of which nothing is under way."""
    task.state = TaskState.CANCELED
    task.reason, task.condition = run.intent_reason, CANCELED_BY_USER
    task.next_attempt_us, task.held, task.trouble = None, False, None
    task.resend_us, task.resends = None, 0


def put_off_resend(task: Task, now: int, resend_after: int) -> None:
    """After a dispatch was sent again: the next time takes twice as long, within bounds."""
    task.resends += 1
    task.resend_us = now + resend_after * min(1 << min(task.resends, 10), SLOWEST_RESEND)


def leave_resend(task: Task, now: int, resend_after: int) -> None:
    """Nothing is sent again for now."""
    task.resend_us = now + resend_after


def skip(task: Task) -> None:
    """Ends a task that was never needed."""
    task.state = TaskState.SKIPPED
    task.reason = _WHY_SKIPPED[task.rule]


def enter_phase(run: Run, task: Task) -> None:
    """A task was dispatched: the process is in its phase, unless it was further already."""
    run.phase = max(run.phase, PHASE_OF[task.type])


def standing_of(run: Run, end: ProcessState | None, first_trouble: Task | None) -> Standing:
    """How the process stands, given how it ends (if it does) and the first of its tasks that does not go on."""
    if end is ProcessState.CANCELED:
        return Standing(end, _why_canceled(run), CANCELED_BY_USER)
    if end is not None:
        return Standing(end, run.failure, run.failure_condition)
    if run.held:
        return _paused(run)
    if run.intent is Intent.CANCEL:
        return _canceling(run, first_trouble)
    if first_trouble is None:
        return Standing(ProcessState.EXECUTING)
    blocked = first_trouble.trouble is Trouble.BLOCKED
    return Standing(
        ProcessState.BLOCKED if blocked else ProcessState.EXECUTING,
        f"{first_trouble.task_id}: {first_trouble.reason}",
        first_trouble.condition,
        first_trouble.next_attempt_us,
    )


def _paused(run: Run) -> Standing:
    """What a person wants comes first, then what an operator has to do something about."""
    intent = run.intent_reason if run.intent is Intent.PAUSE else ""
    told = ((intent, PAUSED_BY_USER), (run.parked_reason, MESSAGE_PARKED), (run.hold_reason, ON_HOLD))
    why = [(reason, condition) for reason, condition in told if reason]
    return Standing(ProcessState.PAUSED, "; and ".join(reason for reason, _ in why), why[0][1])


def _canceling(run: Run, first_trouble: Task | None) -> Standing:
    if first_trouble is None:
        return Standing(ProcessState.CANCELING, run.intent_reason, CANCELED_BY_USER)
    reason = f"{run.intent_reason}; still to be ended, {first_trouble.task_id}: {first_trouble.reason}"
    return Standing(ProcessState.CANCELING, reason, first_trouble.condition)


def _why_canceled(run: Run) -> str:
    if run.failure_condition == CANCELED_BY_USER:
        return run.intent_reason
    return f"{run.intent_reason}; {run.failure}"


def take_standing(run: Run, standing: Standing) -> bool:
    """Gives the process its standing; whether that is a change."""
    before = Standing(run.state, run.reason, run.condition, run.next_attempt_us)
    if standing == before or not legal(PROCESS, run.state, standing.state):
        return False
    run.state, run.reason, run.condition = standing.state, standing.reason, standing.condition
    run.next_attempt_us = standing.next_attempt_us
    return True


def readable(at: int) -> str:
    """A time for people: UTC, to the second."""
    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
