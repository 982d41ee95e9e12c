"""The checker of a recorded history: complete, gapless, in the order of cause and effect."""

from collections import defaultdict

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2

_RANK = {
    state_pb2.TASK_STATE_SCHEDULED: 1,
    state_pb2.TASK_STATE_EXECUTING: 2,
    state_pb2.TASK_STATE_COMPLETED: 3,
    state_pb2.TASK_STATE_FAILED: 3,
}


def check_complete(answer: experiment_pb2.GetExperimentResponse, events: list[experiment_pb2.HistoryEvent]) -> None:
    """Asserts that every event of a completed process is in its history, once, in order."""
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    _check_sequences(events)
    _check_tasks(answer, events)
    _check_causes(answer, events)


def _check_sequences(events: list[experiment_pb2.HistoryEvent]) -> None:
    """Each source numbers what it says of each attempt from 1, without a gap, and it stands in that order."""
    streams: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for event in events:
        change = event.change
        streams[change.source, change.task_id, change.attempt].append(change.seq)
    for stream, numbers in streams.items():
        assert numbers == list(range(1, len(numbers) + 1)), f"{stream}: {numbers}"


def _check_tasks(answer: experiment_pb2.GetExperimentResponse, events: list[experiment_pb2.HistoryEvent]) -> None:
    """Every task that ran was scheduled, executing and ended, in this order within each attempt."""
    seen: dict[tuple[str, int], list[int]] = defaultdict(list)
    for event in events:
        change = event.change
        if change.task_id and change.task_state in _RANK:
            seen[change.task_id, change.attempt].append(_RANK[change.task_state])
    for task in answer.tasks:
        if task.state == state_pb2.TASK_STATE_SKIPPED:
            continue
        for attempt in range(1, task.attempt + 1):
            ranks = seen[task.task_id, attempt]
            assert ranks == sorted(ranks), f"{task.task_id} attempt {attempt}: {ranks}"
            assert {1, 2, 3} <= set(ranks), f"{task.task_id} attempt {attempt}: {ranks}"


def _check_causes(answer: experiment_pb2.GetExperimentResponse, events: list[experiment_pb2.HistoryEvent]) -> None:
    """No task was scheduled before all it depends on had ended."""
    first_scheduled: dict[str, int] = {}
    ended: dict[str, int] = {}
    for event in events:
        change = event.change
        if change.task_state == state_pb2.TASK_STATE_SCHEDULED:
            first_scheduled.setdefault(change.task_id, event.position)
        elif change.task_state == state_pb2.TASK_STATE_COMPLETED:
            ended[change.task_id] = event.position
    for task in answer.tasks:
        for dependency in task.depends_on:
            if task.task_id in first_scheduled and dependency in ended:
                assert ended[dependency] < first_scheduled[task.task_id], f"{task.task_id} before {dependency}"
