"""What a process waits for, since when, and what happens next: in words, from its run and tasks alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.scheduler.domain.intents import CANCELED_BY_USER, MESSAGE_PARKED, ON_HOLD, PAUSED_BY_USER
from services.scheduler.domain.model import Run, Task, Trouble
from services.scheduler.domain.states import Intent, Lane, TaskState, TaskType


@dataclass(frozen=True, slots=True)
class Explained:
    """What one thing waits for; `task_id` is empty for the process. Times are microseconds; `next_us` None for none."""

    task_id: str
    waits_for: str
    since_us: int
    next: str
    next_us: int | None = None
    condition: int = 0


def explain(run: Run, tasks: Sequence[Task], lanes: Mapping[str, Lane]) -> list[Explained]:
    """All that a process waits for; nothing where it has ended, and at least one thing otherwise. `lanes`: those that
    present attempts were sent on, by task, as far as is known.
    """
    if run.ended:
        return []
    return [*_of_intent(run), *_of_parking(run), *_of_hold(run), *_of_tasks(run, tasks, lanes)]


def _of_intent(run: Run) -> Iterator[Explained]:
    if run.intent is Intent.PAUSE:
        yield Explained(
            "", f"it is {run.intent_reason}", run.updated_us, "it goes on when it is resumed", None, PAUSED_BY_USER
        )
    elif run.intent is Intent.CANCEL:
        after = "it is CANCELED once all of its jobs are proven gone"
        yield Explained("", f"it is being {run.intent_reason}", run.updated_us, after, None, CANCELED_BY_USER)


def _of_parking(run: Run) -> Iterator[Explained]:
    if run.parked_since_us is None:
        return
    done = "an operator has had the message handled (vahana parked unpark), or has discarded it"
    if run.intent is Intent.CANCEL:
        after = f"where that keeps the cancel from its end, it goes on once {done}"
    else:
        only = run.intent is Intent.RUN and run.hold_id is None
        after = f"it goes on once {done}" if only else f"before it goes on {done}, too"
    yield Explained("", run.parked_reason, run.parked_since_us, after, None, MESSAGE_PARKED)


def _of_hold(run: Run) -> Iterator[Explained]:
    if run.hold_id is not None and run.intent is not Intent.CANCEL:
        since = run.updated_us if run.hold_since_us is None else run.hold_since_us
        after = "it goes on when the hold is lifted" if run.intent is Intent.RUN else "that hold is to be lifted, too"
        yield Explained("", run.hold_reason, since, after, None, ON_HOLD)


def _of_tasks(run: Run, tasks: Sequence[Task], lanes: Mapping[str, Lane]) -> Iterator[Explained]:
    open_ = [task for task in tasks if not task.ended]
    turn = [task for task in open_ if task.state is not TaskState.CREATED or task.pending == 0]
    yield from (_of_task(run, task, lanes.get(task.task_id)) for task in turn)
    later = len(open_) - len(turn)
    if later:
        what = "1 task waits" if later == 1 else f"{later} tasks wait"
        yield Explained(
            "", f"{what} for those before", run.created_us, "each begins when the last it waits for has ended"
        )


def _of_task(run: Run, task: Task, lane: Lane | None) -> Explained:
    waits_for, after, at = _state(run, task, lane)
    since = run.updated_us if task.since_us is None else task.since_us
    return Explained(task.task_id, waits_for, since, after, at, task.condition)


def _state(run: Run, task: Task, lane: Lane | None) -> tuple[str, str, int | None]:
    """What it waits for, what happens next, and when that is due."""
    if task.held:
        return _held(run)
    if task.next_attempt_us is not None:
        return task.reason, f"attempt {task.attempt} is dispatched", task.next_attempt_us
    if task.state is TaskState.CREATED:
        return "its turn has come", "it is dispatched", None
    if task.state is TaskState.SCHEDULED:
        return _dispatched(task, lane), "unless an executor has begun it by then, it is sent again", task.resend_us
    return (*_under_way(task), None)


def _held(run: Run) -> tuple[str, str, None]:
    if run.intent is Intent.RUN and run.hold_id is not None:
        return "its turn has come, but nothing new begins during the hold", "it begins once the hold is lifted", None
    if run.intent is Intent.RUN and run.parked_since_us is not None:
        why = "its turn has come, but nothing new begins while a message about the process is parked"
        return why, "it begins once an operator has seen to that message", None
    return "its turn has come, but nothing new begins while the process is paused", "it begins once resumed", None


def _dispatched(task: Task, lane: Lane | None) -> str:
    """Of an attempt no executor has reported. What one has accepted it explains itself, and that is preferred."""
    where = f" on the {lane.name.lower()} lane" if lane else ""
    times = "once" if task.resends == 1 else f"{task.resends} times"
    again = f" and sent again {times} since" if task.resends else ""
    told = f"an executor to begin attempt {task.attempt}, dispatched{where}{again}"
    return f"{told}; it stays on the bus while its lane is full, no executor runs or Kafka is away"


def _under_way(task: Task) -> tuple[str, str]:
    if task.trouble is Trouble.BLOCKED:
        return task.reason, "it goes on as soon as that is over, and fails when its time for that is spent"
    if task.type is TaskType.MONITORING:
        return "its job has not ended", "an executor tells how it ends"
    return f"an executor works on attempt {task.attempt}", "the executor tells how it ends"
