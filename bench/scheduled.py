"""The processes the scheduler is measured with, and what executors report of them."""

from __future__ import annotations

from collections.abc import Sequence

from services.scheduler.domain.model import Launch
from services.scheduler.plans import Plan, plan_digest
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

_TARGET = task_pb2.Target(compute_resource="noop", address="noop.invalid", port=22, login="noop", scratch="/scratch")
_made: dict[tuple[int, bool], Plan] = {}


class Plans:
    """The experiment service, as far as plans go: an experiment is named after the shape of its plan."""

    def fetch(self, launches: Sequence[Launch]) -> list[Plan]:
        """The plans of these launches, in order."""
        return [_plan(each.task_count, wide=each.experiment_id == "wide") for each in launches]


def launch(process_id: str, count: int, *, wide: bool = False) -> event_pb2.Envelope:
    """The launch of a process of so many tasks, one after another, or all but the ends side by side."""
    launched = event_pb2.ProcessLaunched(
        experiment_id="wide" if wide else "long",
        process_id=process_id,
        plan_sha256=plan_digest(_plan(count, wide=wide)),
        task_count=count,
    )
    return _envelope(f"launch-{process_id}", process_id, process_launched=launched)


def reports(order: event_pb2.TaskDispatched) -> list[event_pb2.Envelope]:
    """That an attempt has begun, and that it is done."""
    states = (state_pb2.TASK_STATE_EXECUTING, state_pb2.TASK_STATE_COMPLETED)
    return [_report(order, seq, state) for seq, state in enumerate(states, start=1)]


def _report(order: event_pb2.TaskDispatched, seq: int, state: state_pb2.TaskState.ValueType) -> event_pb2.Envelope:
    change = event_pb2.StatusChanged(
        experiment_id=order.experiment_id,
        process_id=order.process_id,
        task_id=order.task_id,
        attempt=order.attempt,
        seq=seq,
        source="executor",
        task_state=state,
        task_type=order.type,
    )
    return _envelope(f"{order.process_id}/{order.task_id}/{seq}", order.process_id, status_changed=change)


def _envelope(
    id_: str,
    process_id: str,
    *,
    process_launched: event_pb2.ProcessLaunched | None = None,
    status_changed: event_pb2.StatusChanged | None = None,
) -> event_pb2.Envelope:
    return event_pb2.Envelope(
        id=id_,
        tenant="default",
        aggregate_id=process_id,
        source="experiment" if process_launched else "executor",
        process_launched=process_launched,
        status_changed=status_changed,
    )


def _plan(count: int, *, wide: bool) -> Plan:
    if (count, wide) not in _made:
        _made[count, wide] = Plan(_TARGET, [_task(number, count, wide=wide) for number in range(count)])
    return _made[count, wide]


def _task(number: int, count: int, *, wide: bool) -> task_pb2.PlannedTask:
    task = task_pb2.PlannedTask(
        task_id=f"task-{number}",
        type=state_pb2.TASK_TYPE_ENV_SETUP,
        depends_on=[f"task-{before}" for before in _before(number, count, wide=wide)],
        trigger_rule=task_pb2.TRIGGER_RULE_ALL_SUCCESS,
        required=True,
        retry=task_pb2.RetryPolicy(max_attempts=3),
    )
    task.spec.env_setup.SetInParent()
    return task


def _before(number: int, count: int, *, wide: bool) -> Sequence[int]:
    """The tasks that one waits for."""
    if number == 0:
        return ()
    if not wide:
        return (number - 1,)
    return range(1, number) if number == count - 1 else (0,)
