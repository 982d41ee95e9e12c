"""What is known of a process once all is quiet, and what the checker reads out of its history."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2

S, P = state_pb2.TaskState, state_pb2.ProcessState
ENDED_TASK = frozenset({S.TASK_STATE_COMPLETED, S.TASK_STATE_FAILED, S.TASK_STATE_CANCELED, S.TASK_STATE_SKIPPED})
ENDED_PROCESS = frozenset({P.PROCESS_STATE_COMPLETED, P.PROCESS_STATE_FAILED, P.PROCESS_STATE_CANCELED})

Stream = tuple[str, str, int]
"""Source, task (empty for the process itself) and attempt: what sequence numbers count within."""


@dataclass(frozen=True, slots=True)
class PayloadRun:
    """One passing of a fence on a host: what the user's program was started for."""

    process_id: str
    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a process and its tasks stand in one service's eyes."""

    state: int
    tasks: Mapping[str, int]


@dataclass(frozen=True)
class Record:
    """One process: its plan, its history in order of position as the experiment service keeps it, and how it stands.

    `runs` are the payloads started on its behalf, `scheduler` how it stands there; None where that is not looked at.
    `gaps`: what the experiment service says is missing of its history; `settled`: it was settled.
    `cancel_asked`: somebody asked for its end, in time or not.
    """

    process_id: str
    plan: Sequence[task_pb2.PlannedTask]
    history: Sequence[experiment_pb2.HistoryEvent]
    experiment: Standing
    scheduler: Standing | None = None
    runs: Sequence[PayloadRun] | None = None
    cancel_asked: bool = False
    gaps: Sequence[str] = ()
    settled: bool = True

    @cached_property
    def streams(self) -> dict[Stream, list[event_pb2.StatusChanged]]:
        """The changes by stream, each in the order of its numbers."""
        found: defaultdict[Stream, list[event_pb2.StatusChanged]] = defaultdict(list)
        for change in sorted((each.change for each in self.history), key=lambda change: change.seq):
            found[change.source, change.task_id, change.attempt].append(change)
        return dict(found)

    @cached_property
    def applied(self) -> list[event_pb2.StatusChanged]:
        """The changes that moved something, in the order in which they did."""
        return [each.change for each in self.history if each.applied]

    @cached_property
    def canceled(self) -> bool:
        """Whether its history says that it was being canceled."""
        cancels = (P.PROCESS_STATE_CANCELING, P.PROCESS_STATE_CANCELED)
        return any(each.change.process_state in cancels for each in self.history)


def task_word(state: int) -> str:
    """The state of a task as people write it."""
    return S.Name(state).removeprefix("TASK_STATE_")


def process_word(state: int) -> str:
    """The state of a process as people write it."""
    return P.Name(state).removeprefix("PROCESS_STATE_")
