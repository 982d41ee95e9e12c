"""Rules on histories: nothing is lost, repeated, out of order, or undone."""

from collections import Counter
from collections.abc import Iterator

from tests.checker.record import ENDED_PROCESS, ENDED_TASK, Record, S, Stream, process_word, task_word
from vahana.event.v1 import event_pb2


def positions(record: Record) -> Iterator[str]:
    """The history has no holes."""
    found = [each.position for each in record.history]
    if found != list(range(1, len(found) + 1)):
        yield f"its history is not numbered from 1 on without a hole: {found}"


def sequences(record: Record) -> Iterator[str]:
    """Each source told all it had to tell of each attempt, once."""
    for stream, changes in record.streams.items():
        numbers = [change.seq for change in changes]
        for number, times in Counter(numbers).items():
            if times > 1:
                yield f"{_told(stream)} number {number} is recorded {times} times"
        missing = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
        if missing:
            yield f"{_told(stream)} the numbers {missing} are lost"


def ends_told(record: Record) -> Iterator[str]:
    """Whatever began has an end in the history: the process, and each attempt an executor worked on."""
    own = record.streams.get(("scheduler", "", 0), [])
    if not own or own[-1].process_state not in ENDED_PROCESS:
        yield "its end is not in its history"
    for (source, task_id, attempt), changes in record.streams.items():
        if source != "executor":
            continue
        ends = [task_word(change.task_state) for change in changes if change.task_state in ENDED_TASK]
        if len(ends) != 1 or changes[-1].task_state not in ENDED_TASK:
            yield f"attempt {attempt} of {task_id} began and ended {len(ends)} times: {ends}"


def settled(record: Record) -> Iterator[str]:
    """It is proven to be whole by the experiment service itself."""
    yield from (f"the experiment service misses {gap}" for gap in record.gaps)
    if not record.settled:
        yield "its history was never settled"


def terminal_states(record: Record) -> Iterator[str]:
    """What has ended never changes again."""
    ended: dict[str, str] = {}
    for change in record.applied:
        if change.task_id in ended:
            what = change.task_id or "the process"
            yield f"{what} was {ended[change.task_id]} and then {_state(change)}"
        if change.process_state in ENDED_PROCESS or _final(change):
            ended[change.task_id] = _state(change)


def attempts(record: Record) -> Iterator[str]:
    """Attempts are counted from 1, and none moves a task after a later one has."""
    latest: dict[str, int] = {}
    for change in record.applied:
        before = latest.get(change.task_id, change.attempt)
        if change.attempt < before:
            yield f"attempt {change.attempt} moved {change.task_id} after attempt {before} had"
        latest[change.task_id] = max(before, change.attempt)
    opened: dict[str, set[int]] = {}
    for source, task_id, attempt in record.streams:
        if source == "scheduler" and task_id and attempt:
            opened.setdefault(task_id, set()).add(attempt)
    for task_id, numbers in opened.items():
        if numbers != set(range(1, len(numbers) + 1)):
            yield f"the attempts opened of {task_id} are {sorted(numbers)}"


def _final(change: event_pb2.StatusChanged) -> bool:
    """Whether it ends its task: of a failed attempt the scheduler alone says whether another one follows."""
    failed_attempt = change.task_state == S.TASK_STATE_FAILED and change.source == "executor"
    return change.task_state in ENDED_TASK and not failed_attempt


def _state(change: event_pb2.StatusChanged) -> str:
    return task_word(change.task_state) if change.task_id else process_word(change.process_state)


def _told(stream: Stream) -> str:
    source, task_id, attempt = stream
    return f"of what the {source} told of {f'attempt {attempt} of {task_id}' if task_id else 'the process'},"
