"""Each rule of the checker finds what it is there for, in a history that is right but for that."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.checker.check import violations
from tests.checker.record import P, PayloadRun, Record, S, Standing
from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2

T, R = state_pb2.TaskType, task_pb2.TriggerRule
DONE, FAILED, SKIPPED = S.TASK_STATE_COMPLETED, S.TASK_STATE_FAILED, S.TASK_STATE_SKIPPED
SCHEDULED, EXECUTING, CANCELED = S.TASK_STATE_SCHEDULED, S.TASK_STATE_EXECUTING, S.TASK_STATE_CANCELED


@dataclass
class History:
    """A process that sets up, runs a job in two attempts and cleans up, as it is recorded; to be spoilt by tests."""

    state: int = P.PROCESS_STATE_COMPLETED
    tasks: dict[str, int] = field(default_factory=lambda: {"setup": DONE, "job": DONE, "cleanup": DONE})
    changes: list[event_pb2.StatusChanged] = field(default_factory=list)
    scheduler: Standing | None = None
    runs: list[PayloadRun] = field(default_factory=lambda: [PayloadRun("p", "job", 2)])

    def __post_init__(self) -> None:
        self.process(P.PROCESS_STATE_QUEUED, P.PROCESS_STATE_EXECUTING)
        self.scheduled("setup").worked("setup", EXECUTING, DONE)
        self.scheduled("job").worked("job", EXECUTING, FAILED, retryable=True)
        self.scheduled("job", attempt=2).worked("job", EXECUTING, DONE, attempt=2)
        self.scheduled("cleanup").worked("cleanup", EXECUTING, DONE)
        self.process(P.PROCESS_STATE_COMPLETED)

    def process(self, *states: int) -> "History":
        for state in states:
            self.add("scheduler", "", 0, process_state=state)
        return self

    def scheduled(self, task_id: str, attempt: int = 1) -> "History":
        return self.add("scheduler", task_id, attempt, task_state=SCHEDULED)

    def worked(self, task_id: str, *states: int, attempt: int = 1, retryable: bool = False) -> "History":
        for state in states:
            self.add("executor", task_id, attempt, task_state=state, retryable=retryable and state == FAILED)
        return self

    def add(self, source: str, task_id: str, attempt: int, **fields: object) -> "History":
        stream = (source, task_id, attempt)
        seq = 1 + sum((each.source, each.task_id, each.attempt) == stream for each in self.changes)
        self.changes.append(event_pb2.StatusChanged(source=source, task_id=task_id, attempt=attempt, seq=seq, **fields))
        return self

    def lose(self, index: int) -> None:
        del self.changes[index]

    def record(self) -> Record:
        events = [
            experiment_pb2.HistoryEvent(position=number, change=change, applied=True)
            for number, change in enumerate(self.changes, start=1)
        ]
        return Record("p", PLAN, events, Standing(self.state, self.tasks), self.scheduler, self.runs)


def planned(task_id: str, kind: int, *depends_on: str, rule: int = R.TRIGGER_RULE_ALL_SUCCESS) -> task_pb2.PlannedTask:
    retry = task_pb2.RetryPolicy(max_attempts=3)
    return task_pb2.PlannedTask(
        task_id=task_id, type=kind, depends_on=depends_on, trigger_rule=rule, required=True, retry=retry
    )


PLAN = [
    planned("setup", T.TASK_TYPE_ENV_SETUP),
    planned("job", T.TASK_TYPE_JOB_SUBMISSION, "setup"),
    planned("cleanup", T.TASK_TYPE_CLEANUP, "job", rule=R.TRIGGER_RULE_ALL_DONE),
]


def stuck(history: History) -> None:
    history.state = P.PROCESS_STATE_EXECUTING
    history.tasks["cleanup"] = EXECUTING


def other_view(history: History) -> None:
    history.scheduler = Standing(P.PROCESS_STATE_FAILED, {**history.tasks, "job": FAILED})


def skipped_for_nothing(history: History) -> None:
    history.tasks["cleanup"] = SKIPPED


def canceled_by_nobody(history: History) -> None:
    history.tasks["job"] = CANCELED


def wrong_end(history: History) -> None:
    history.tasks["cleanup"] = FAILED


def run_twice(history: History) -> None:
    history.runs += history.runs


def run_in_two_attempts(history: History) -> None:
    history.runs.append(PayloadRun("p", "job", 1))


def never_run(history: History) -> None:
    history.runs.clear()


def never_worked_on(history: History) -> None:
    history.changes = [change for change in history.changes if change.task_id != "setup"]


def event_lost(history: History) -> None:
    history.lose(3)


def recorded_twice(history: History) -> None:
    history.changes.append(history.changes[2])


def last_word_lost(history: History) -> None:
    history.lose(4)


def end_lost(history: History) -> None:
    history.lose(-1)


def undone(history: History) -> None:
    history.process(P.PROCESS_STATE_FAILED)


def task_undone(history: History) -> None:
    history.scheduled("setup", attempt=2)


def late_attempt(history: History) -> None:
    history.worked("job", EXECUTING)


def attempt_left_out(history: History) -> None:
    history.scheduled("setup", attempt=3)


FAULTS: dict[Callable[[History], None], str] = {
    stuck: "cleanup is stuck: EXECUTING",
    other_view: "job is FAILED for the scheduler and COMPLETED for its user",
    skipped_for_nothing: "cleanup is SKIPPED, though those it waits for are ['COMPLETED']",
    canceled_by_nobody: "job is CANCELED, and nobody canceled the process",
    wrong_end: "it is COMPLETED and should be FAILED: required and missed are ['cleanup']",
    run_twice: "attempt 2 of job ran its payload 2 times",
    run_in_two_attempts: "job ran its payload in the attempts [2, 1], and is not safe to run again",
    never_run: "job is COMPLETED, and its payload never ran",
    never_worked_on: "setup is COMPLETED, and no executor ever worked on it",
    event_lost: "of what the executor told of attempt 1 of setup, the numbers [1] are lost",
    recorded_twice: "of what the scheduler told of attempt 1 of setup, number 1 is recorded 2 times",
    last_word_lost: "attempt 1 of setup began and ended 0 times: []",
    end_lost: "its end is not in its history",
    undone: "the process was COMPLETED and then FAILED",
    task_undone: "setup was COMPLETED and then SCHEDULED",
    late_attempt: "attempt 1 moved job after attempt 2 had",
    attempt_left_out: "the attempts opened of setup are [1, 3]",
}


@pytest.mark.parametrize(("spoil", "fault"), FAULTS.items(), ids=[spoil.__name__ for spoil in FAULTS])
def test_finds(spoil: Callable[[History], None], fault: str) -> None:
    history = History()
    spoil(history)
    assert f"p: {fault}" in violations([history.record()])


def test_finds_a_hole_between_positions() -> None:
    record = History().record()
    holed = replace(record, history=record.history[:3] + record.history[4:])
    assert any("not numbered from 1 on without a hole" in fault for fault in violations([holed]))


def test_finds_what_was_never_settled() -> None:
    unsettled = replace(History().record(), settled=False, gaps=["the end of job"])
    assert {"p: its history was never settled", "p: the experiment service misses the end of job"} <= {
        *violations([unsettled])
    }


def test_is_content_with_what_is_right() -> None:
    history = History()
    history.scheduler = Standing(history.state, dict(history.tasks))
    assert violations([history.record()]) == []


def test_is_content_with_the_cleanup_of_a_canceled_process() -> None:
    history = History(state=P.PROCESS_STATE_CANCELED, tasks={"setup": DONE, "job": CANCELED, "cleanup": DONE})
    history.changes.clear()
    history.process(P.PROCESS_STATE_QUEUED, P.PROCESS_STATE_EXECUTING)
    history.scheduled("setup").worked("setup", EXECUTING, DONE).scheduled("job")
    history.process(P.PROCESS_STATE_CANCELING).worked("job", EXECUTING, CANCELED)
    history.scheduled("cleanup").worked("cleanup", EXECUTING, DONE).process(P.PROCESS_STATE_CANCELED)
    history.runs.clear()
    assert violations([history.record()]) == []
