"""Rules on outcomes: all that was planned was done once, or rightly left out, and the end is the right one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tests.checker.record import ENDED_PROCESS, ENDED_TASK, P, Record, S, process_word, task_word
from vahana.event.v1 import state_pb2, task_pb2

T, R = state_pb2.TaskType, task_pb2.TriggerRule
_PAYLOADS = frozenset({T.TASK_TYPE_PRE_JOB_COMMAND, T.TASK_TYPE_JOB_SUBMISSION, T.TASK_TYPE_POST_JOB_COMMAND})
"""What starts programs of the user on a host."""
_BAD_ENDS = frozenset({S.TASK_STATE_FAILED, S.TASK_STATE_CANCELED})


def ended(record: Record) -> Iterator[str]:
    """Nothing is stuck."""
    if record.experiment.state not in ENDED_PROCESS:
        yield f"it is stuck: {process_word(record.experiment.state)}"
    for planned in record.plan:
        state = record.experiment.tasks.get(planned.task_id, S.TASK_STATE_UNSPECIFIED)
        if state not in ENDED_TASK:
            yield f"{planned.task_id} is stuck: {task_word(state)}"


def same_view(record: Record) -> Iterator[str]:
    """What users see is what the scheduler knows."""
    if record.scheduler is None:
        return
    if record.scheduler.state != record.experiment.state:
        words = process_word(record.scheduler.state), process_word(record.experiment.state)
        yield f"it is {words[0]} for the scheduler and {words[1]} for its user"
    for task_id, state in record.scheduler.tasks.items():
        seen = record.experiment.tasks.get(task_id, S.TASK_STATE_UNSPECIFIED)
        if seen != state:
            yield f"{task_id} is {task_word(state)} for the scheduler and {task_word(seen)} for its user"


def decisions(record: Record) -> Iterator[str]:
    """Each task ran, was skipped or was canceled as the ends of those it waits for, and nothing else, would have it."""
    states = record.experiment.tasks
    for planned in record.plan:
        end = states.get(planned.task_id)
        before = [states.get(name) for name in planned.depends_on]
        if end not in ENDED_TASK or not ENDED_TASK.issuperset(before):
            continue
        if end == S.TASK_STATE_CANCELED:
            if not record.canceled and not record.cancel_asked:
                yield f"{planned.task_id} is CANCELED, and nobody canceled the process"
        elif _runs(planned.trigger_rule, before) != (end != S.TASK_STATE_SKIPPED):
            words = [task_word(state) for state in before]
            yield f"{planned.task_id} is {task_word(end)}, though those it waits for are {words}"


def process_end(record: Record) -> Iterator[str]:
    """How the process ended follows from how its tasks did."""
    states = record.experiment.tasks
    if record.experiment.state not in ENDED_PROCESS or not ENDED_TASK.issuperset(states.values()):
        return
    missed = [planned.task_id for planned in record.plan if _missed(planned, states)]
    right = P.PROCESS_STATE_COMPLETED
    if missed:
        canceled = record.canceled or (record.cancel_asked and record.experiment.state == P.PROCESS_STATE_CANCELED)
        right = P.PROCESS_STATE_CANCELED if canceled else P.PROCESS_STATE_FAILED
    if record.experiment.state != right:
        words = process_word(record.experiment.state), process_word(right)
        yield f"it is {words[0]} and should be {words[1]}: required and missed are {missed}"


def payloads(record: Record) -> Iterator[str]:
    """No program of the user ran twice, none ran that was not to, and what completed did run."""
    if record.runs is None:
        return
    safe = {planned.task_id for planned in record.plan if planned.spec.job_submission.rerun_safe}
    for (task_id, attempt), times in Counter((run.task_id, run.attempt) for run in record.runs).items():
        if times > 1:
            yield f"attempt {attempt} of {task_id} ran its payload {times} times"
    for task_id, attempts in _attempts_run(record).items():
        if len(attempts) > 1 and task_id not in safe:
            yield f"{task_id} ran its payload in the attempts {attempts}, and is not safe to run again"
    for planned in record.plan:
        done = record.experiment.tasks.get(planned.task_id) == S.TASK_STATE_COMPLETED
        if done and planned.type in _PAYLOADS and planned.task_id not in _attempts_run(record):
            yield f"{planned.task_id} is COMPLETED, and its payload never ran"


def worked_on(record: Record) -> Iterator[str]:
    """No executor worked on what was skipped, and one did on whatever completed or failed."""
    begun = {task_id for source, task_id, _ in record.streams if source == "executor"}
    for task_id, state in record.experiment.tasks.items():
        if state == S.TASK_STATE_SKIPPED and task_id in begun:
            yield f"{task_id} was skipped, and an executor worked on it"
        if state in {S.TASK_STATE_COMPLETED, S.TASK_STATE_FAILED} and task_id not in begun:
            yield f"{task_id} is {task_word(state)}, and no executor ever worked on it"


def _attempts_run(record: Record) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for run in record.runs or ():
        if run.attempt not in found.setdefault(run.task_id, []):
            found[run.task_id].append(run.attempt)
    return found


def _runs(rule: int, before: Sequence[int | None]) -> bool:
    failed, skipped = any(state in _BAD_ENDS for state in before), S.TASK_STATE_SKIPPED in before
    return {
        R.TRIGGER_RULE_ALL_SUCCESS: not failed and not skipped,
        R.TRIGGER_RULE_ALL_DONE: True,
        R.TRIGGER_RULE_ONE_FAILED: failed,
        R.TRIGGER_RULE_NONE_SKIPPED: not skipped,
    }[rule]


def _missed(planned: task_pb2.PlannedTask, states: Mapping[str, int]) -> bool:
    """Whether the process cannot do without what became of it: what is for failures alone may have been skipped."""
    end = states.get(planned.task_id)
    if not planned.required or end == S.TASK_STATE_COMPLETED:
        return False
    return end != S.TASK_STATE_SKIPPED or planned.trigger_rule != R.TRIGGER_RULE_ONE_FAILED
