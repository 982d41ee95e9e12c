"""Whether the history of a process is whole: proven from what is recorded and what was planned, in any order.

A source numbers what it tells of an attempt from 1 on, so a hole shows itself. That nothing is missing behind the last
number shows in what was told: a process ends with its end, an attempt of an executor with an end of its own, and each
planned task with a word that no other follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from services.experiment.domain.transitions import ProcessState, TaskState, terminal

SCHEDULER, EXECUTOR = "scheduler", "executor"
_SECOND = 1_000_000
FIRST_WAIT_US = 5 * _SECOND
"""How long after the end of a process what is missing may still be under way."""
LONGEST_WAIT_US = 600 * _SECOND
ASKED_FOR_US = 14 * 24 * 3600 * _SECOND
"""So long sources keep what they told; after that nobody has what is missing."""

_TASK_ENDS = frozenset(int(each) for each in TaskState if terminal(each))
_LAST_WORDS = _TASK_ENDS - {int(TaskState.FAILED)}
"""With which an executor ends a task: of a failed attempt the scheduler says whether another one follows."""
_PROCESS_ENDS = frozenset(int(each) for each in ProcessState if terminal(each))


@dataclass(frozen=True, slots=True)
class Told:
    """One recorded change: who told it of what, its number, and the state it gives the process or the task, 0 for none.

    `task_id` is empty and `attempt` 0 where it is about the process.
    """

    source: str
    task_id: str
    attempt: int
    seq: int
    process_state: int = 0
    task_state: int = 0


@dataclass(slots=True)
class _Stream:
    """What a source told of one attempt, or of the process: the numbers, and the state with the highest of them."""

    seqs: set[int] = field(default_factory=set)
    last: int = 0
    last_state: int = 0
    scheduled: bool = False

    def take(self, told: Told) -> None:
        self.seqs.add(told.seq)
        self.scheduled |= told.task_state == TaskState.SCHEDULED
        if told.seq >= self.last:
            self.last, self.last_state = told.seq, told.task_state if told.task_id else told.process_state

    def missing(self) -> str:
        """The numbers that are missing, e.g. "2, 5 to 7"."""
        if len(self.seqs) == self.last:
            return ""
        return _spans(self.seqs)


_Streams = dict[tuple[str, str, int], _Stream]


def gaps(events: Iterable[Told], tasks: Collection[str]) -> list[str]:
    """What is missing of the history of a process that has ended, in words; nothing where it is whole. `tasks`: the
    ids of those that were planned.
    """
    streams = _streams(events)
    found = [*_holes(streams), *_process_end(streams)]
    if not _refused(streams):
        attempts: defaultdict[str, set[int]] = defaultdict(set)
        for _, task_id, attempt in streams:
            if task_id:
                attempts[task_id].add(attempt)
        for task_id in sorted(attempts.keys() | set(tasks)):
            found += _task(streams, task_id, attempts.get(task_id, set()))
    return found


def holes(events: Iterable[Told]) -> list[str]:
    """What is missing between what was told of a process that may go on, in words."""
    return list(_holes(_streams(events)))


def next_wait_us(times_asked: int) -> int:
    """How long to wait for what is missing, having asked for it so many times."""
    return min(FIRST_WAIT_US << min(times_asked, 10), LONGEST_WAIT_US)


def _streams(events: Iterable[Told]) -> _Streams:
    streams: defaultdict[tuple[str, str, int], _Stream] = defaultdict(_Stream)
    for told in events:
        # No source counts from 0; such a one says nothing of what is there.
        if told.seq > 0:
            streams[told.source, told.task_id, told.attempt].take(told)
    return dict(streams)


def _holes(streams: _Streams) -> Iterator[str]:
    for (source, task_id, attempt), stream in sorted(streams.items()):
        if missing := stream.missing():
            what = f"attempt {attempt} of {task_id}" if task_id else "the process"
            yield f"of what the {source} told of {what}: {missing}"


def _process_end(streams: _Streams) -> Iterator[str]:
    own = streams.get((SCHEDULER, "", 0))
    if own is None or own.last_state not in _PROCESS_ENDS:
        yield "the end of the process"


def _refused(streams: _Streams) -> bool:
    """Whether it ended as it was taken up, before anything could be told of a task: its plan could not be walked."""
    own = streams.get((SCHEDULER, "", 0))
    ended = own is not None and own.seqs == {1, 2} and own.last_state in _PROCESS_ENDS - {ProcessState.COMPLETED}
    return ended and not any(task_id for _, task_id, _ in streams)


def _task(streams: _Streams, task_id: str, attempts: set[int]) -> Iterator[str]:
    """What is missing of a task, of which something was told of these attempts."""
    if not attempts:
        yield f"all that was told of {task_id}"
        return
    latest = max(attempts)
    if unheard := _spans(attempts | {0}):
        yield f"all that was told of attempts of {task_id}: {unheard}"
    for attempt in sorted(attempts):
        yield from _attempt(streams, task_id, attempt, latest)
    by_scheduler, by_executor = (streams.get((source, task_id, latest)) for source in (SCHEDULER, EXECUTOR))
    given_up = by_scheduler is not None and by_scheduler.last_state in _TASK_ENDS
    done = by_executor is not None and by_executor.last_state in _LAST_WORDS
    if not given_up and not done:
        yield f"the end of {task_id}"


def _attempt(streams: _Streams, task_id: str, attempt: int, latest: int) -> Iterator[str]:
    """An attempt that was opened is told of by both. Of one before the latest, no more need be known to say so."""
    opener, worker = (streams.get((source, task_id, attempt)) for source in (SCHEDULER, EXECUTOR))
    opened = attempt > 0 and (worker is not None or attempt < latest or (opener is not None and opener.scheduled))
    if not opened:
        return
    if opener is None:
        yield f"all that the {SCHEDULER} told of attempt {attempt} of {task_id}"
    if worker is None:
        yield f"all that the {EXECUTOR} told of attempt {attempt} of {task_id}"
    elif worker.last_state not in _TASK_ENDS:
        yield f"the end of attempt {attempt} of {task_id}"


def _spans(numbers: Collection[int]) -> str:
    """The numbers from 1 on that are missing below the highest of these."""
    found, before = [], 0
    for number in sorted(numbers):
        if number == before + 2:
            found.append(f"{before + 1}")
        elif number > before + 2:
            found.append(f"{before + 1} to {number - 1}")
        before = number
    return ", ".join(found)
