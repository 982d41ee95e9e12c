"""Between messages and the scheduler's records."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from services.chassis.bounds import (
    LARGEST_BIG_INTEGER,
    LARGEST_INTEGER,
    check_label,
    check_name,
    check_number,
    check_time,
    storable,
)
from services.chassis.bus import lanes
from services.chassis.bus.topics import CANCEL, STATUS, TASK_TOPICS
from services.chassis.clock import to_timestamp
from services.chassis.outbox import OutboxRow
from services.chassis.parked import Place
from services.scheduler.domain.holds import Hold
from services.scheduler.domain.intents import doomed
from services.scheduler.domain.lanes import lane_of
from services.scheduler.domain.model import HistoryNews, HostTold, Intended, Launch, ParkingTold, Report, Run, Task
from services.scheduler.domain.states import Health, Intent, JobState, TaskState
from services.scheduler.domain.transitions import JOB, legal
from services.scheduler.retry import ConditionRule, Policy
from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana.scheduler.v1 import hold_pb2

SOURCE = "scheduler"
EXECUTOR = "executor"
LONGEST_HOST = 300
LONGEST_PARKED_REASON = 500
"""As much is told to users of why a message was parked."""
LONGEST_PLACE = 200

LONGEST_ID, LONGEST_TASK_ID, LARGEST_CONDITION = 100, 200, 2**15 - 1
"""What the columns hold."""


def read_launch(envelope: event_pb2.Envelope) -> Launch:
    """What a launch says. ValueError where it names no process."""
    content = envelope.process_launched
    check_name("process_id", content.process_id, LONGEST_ID)
    check_label("experiment_id", content.experiment_id, LONGEST_ID)
    return Launch(
        envelope.id,
        envelope.tenant,
        content.experiment_id,
        content.process_id,
        content.plan_sha256,
        content.task_count,
    )


def read_intent(envelope: event_pb2.Envelope) -> Intended:
    """What a person wants of a process. ValueError for an intent there is not, or one that names no process."""
    content = envelope.process_intended
    check_name("process_id", content.process_id, LONGEST_ID)
    check_number("seq", content.seq, 1, LARGEST_BIG_INTEGER)
    return Intended(
        envelope.tenant,
        content.process_id,
        Intent(content.intent),
        content.seq,
        storable(content.caller),
        storable(content.comment),
    )


def read_health(envelope: event_pb2.Envelope) -> HostTold:
    """What an executor says of a host. ValueError for a health there is not, or a host of no name."""
    content = envelope.host_health_changed
    host = storable(content.host)
    if not 0 < len(host) <= LONGEST_HOST or not 0 < content.seq < 2**63:
        raise ValueError(f"not the health of a host: {host[:100]!r}, number {content.seq}")
    return HostTold(host, Health(content.health), content.seq)


def read_report(envelope: event_pb2.Envelope) -> Report:
    """What an executor says of an attempt. ValueError where it names none, or says what cannot be."""
    content = envelope.status_changed
    check_name("process_id", content.process_id, LONGEST_ID)
    check_name("task_id", content.task_id, LONGEST_TASK_ID)
    check_number("attempt", content.attempt, 1, LARGEST_INTEGER)
    check_number("seq", content.seq, 1, LARGEST_BIG_INTEGER)
    check_number("condition_code", content.condition_code, 0, LARGEST_CONDITION)
    check_time("time", content.time)
    if content.HasField("job"):
        _check_job(content.job)
    return Report(
        tenant=envelope.tenant,
        process_id=content.process_id,
        task_id=content.task_id,
        attempt=content.attempt,
        seq=content.seq,
        state=TaskState(content.task_state),
        reason=storable(content.reason),
        condition=content.condition_code,
        blocked=content.blocked,
        retryable=content.retryable,
        job=content.job.SerializeToString() if content.HasField("job") else None,
    )


def read_history_news(envelope: event_pb2.Envelope) -> HistoryNews:
    """What is told of a history. ValueError where no process is named."""
    settled = envelope.WhichOneof("payload") == "history_settled"
    process_id = envelope.history_settled.process_id if settled else envelope.history_wanted.process_id
    check_name("process_id", process_id, LONGEST_ID)
    return HistoryNews(envelope.tenant, process_id, settled)


def read_parking(envelope: event_pb2.Envelope) -> ParkingTold:
    """What a service says of a message it has parked. ValueError where no process or no message is named."""
    content = envelope.parking_changed
    check_name("process_id", content.process_id, LONGEST_ID)
    check_name("topic", content.topic, LONGEST_PLACE)
    check_name("consumer", content.consumer, LONGEST_PLACE)
    check_number("partition", content.partition, 0, LARGEST_INTEGER)
    check_number("offset", content.offset, 0, LARGEST_BIG_INTEGER)
    return ParkingTold(
        message_id=envelope.id,
        tenant=envelope.tenant,
        process_id=content.process_id,
        service=envelope.source,
        topic=content.topic,
        partition=content.partition,
        offset=content.offset,
        consumer=content.consumer,
        parked=content.parked,
        reason=storable(content.reason)[:LONGEST_PARKED_REASON],
    )


def own_parking(place: Place, about: event_pb2.Envelope, *, parked: bool, reason: str = "") -> ParkingTold:
    """The same of a message that the scheduler itself was sent. A message names its process by what keeps its order."""
    told = reason[:LONGEST_PARKED_REASON]
    return ParkingTold(about.id, about.tenant, about.aggregate_id, SOURCE, *place, parked=parked, reason=told)


def _check_job(job: task_pb2.Job) -> None:
    if job.state:
        JobState(job.state)
    check_time("job.submitted_at", job.submitted_at)


def policy_of(task: Task) -> Policy:
    """The bounds of a task's attempts."""
    retry = _planned(task).retry
    return Policy(
        max(retry.max_attempts, 1),
        retry.initial_backoff.ToMicroseconds(),
        retry.max_backoff.ToMicroseconds(),
        retry.total_budget.ToMicroseconds(),
        tuple(map(_condition_rule, retry.by_condition)),
    )


def _condition_rule(rule: task_pb2.ConditionRetry) -> ConditionRule:
    return ConditionRule(
        frozenset(rule.condition_codes),
        max(rule.max_attempts, 1),
        rule.initial_backoff.ToMicroseconds() if rule.HasField("initial_backoff") else None,
        rule.max_backoff.ToMicroseconds() if rule.HasField("max_backoff") else None,
    )


def _planned(task: Task) -> task_pb2.PlannedTask:
    if task.planned is None:
        raise ValueError(f"what is planned of {task.id} was not read")
    return task_pb2.PlannedTask.FromString(task.planned)


def merged_job(known: bytes | None, told: bytes) -> bytes:
    """What is known of a job after more was told: a job that has ended is not brought back to life by late news."""
    if known is None:
        return told
    before, after = task_pb2.Job.FromString(known), task_pb2.Job.FromString(told)
    same = (before.name, before.job_id) == (after.name, after.job_id)
    if same and before.state and after.state and not legal(JOB, JobState(before.state), JobState(after.state)):
        return known
    return told


def process_status(run: Run, now: int) -> OutboxRow:
    """The record of how a run stands; to be given its number, `run.emitted`, before."""
    change = event_pb2.StatusChanged(
        experiment_id=run.experiment_id,
        process_id=run.process_id,
        seq=run.emitted,
        source=SOURCE,
        process_state=state_pb2.ProcessState.ValueType(run.state),
        phase=state_pb2.ProcessPhase.ValueType(run.phase),
        reason=run.reason,
        condition_code=state_pb2.ConditionCode.ValueType(run.condition),
        time=to_timestamp(now),
        next_attempt_at=to_timestamp(run.next_attempt_us) if run.next_attempt_us is not None else None,
    )
    return _status_row(run, change, now)


def task_status(run: Run, task: Task, now: int, *, state: TaskState, reason: str, condition: int) -> OutboxRow:
    """The record of how a task's present attempt stands; to be given its number, `task.emitted`, before."""
    change = event_pb2.StatusChanged(
        experiment_id=run.experiment_id,
        process_id=run.process_id,
        task_id=task.task_id,
        attempt=task.attempt,
        seq=task.emitted,
        source=SOURCE,
        task_state=state_pb2.TaskState.ValueType(state),
        task_type=state_pb2.TaskType.ValueType(task.type),
        reason=reason,
        condition_code=state_pb2.ConditionCode.ValueType(condition),
        time=to_timestamp(now),
    )
    return _status_row(run, change, now)


def dispatch(run: Run, task: Task, jobs: Mapping[str, bytes], now: int, slow_hosts: Collection[str]) -> OutboxRow:
    """The order to do a task's present attempt. Its id is the same however often it is written, though its lane may be
    another one by then. `slow_hosts`: see runs.Rules.
    """
    planned, target = _planned(task), task_pb2.Target.FromString(run.target)
    lane = lane_of(planned.spec.data_staging_in.size, _host(target), slow_hosts)
    content = event_pb2.TaskDispatched(
        experiment_id=run.experiment_id,
        process_id=run.process_id,
        task_id=task.task_id,
        attempt=task.attempt,
        type=planned.type,
        spec=planned.spec,
        target=target,
        retry=planned.retry,
        jobs={name: task_pb2.Job.FromString(job) for name, job in jobs.items()},
        cancel_reason=run.intent_reason if doomed(run, task) else "",
        lane=task_pb2.Lane.ValueType(lane),
    )
    envelope = _envelope(run, dispatch_ref(task), now)
    envelope.task_dispatched.CopyFrom(content)
    topic, ref = TASK_TOPICS[task.type], dispatch_ref(task)
    return OutboxRow(topic, run.process_id, envelope.SerializeToString(), ref, lanes.Lane(lane))


def _host(target: task_pb2.Target) -> str:
    """A host as its health is told."""
    return f"{target.address}:{target.port or 22}"


def cancellation(run: Run, task: Task, now: int) -> OutboxRow:
    """The wish that a task's present attempt be ended. Its id is the same however often it is written."""
    content = event_pb2.TaskCanceled(
        experiment_id=run.experiment_id,
        process_id=run.process_id,
        task_id=task.task_id,
        attempt=task.attempt,
        type=state_pb2.TaskType.ValueType(task.type),
        reason=run.intent_reason,
    )
    envelope = _envelope(run, cancel_ref(task), now)
    envelope.task_canceled.CopyFrom(content)
    return OutboxRow(CANCEL, run.process_id, envelope.SerializeToString(), cancel_ref(task))


def cancel_ref(task: Task) -> str:
    """Names the wish that a task's present attempt be ended, in the outbox and as its id."""
    return f"{dispatch_ref(task)}/cancel"


def dispatch_ref(task: Task) -> str:
    """Names the dispatch of a task's present attempt, in the outbox and as its id."""
    return f"{task.process_id}/{task.task_id}/{task.attempt}"


def hold(held: Hold, placed_by: str) -> hold_pb2.Hold:
    """A hold as people see it; `placed_by`: as they are told."""
    told = hold_pb2.Hold(
        hold_id=held.hold_id,
        tenant=held.tenant,
        comment=held.comment,
        placed_by=placed_by,
        place_time=to_timestamp(held.placed_us),
    )
    if held.compute_resource:
        told.compute_resource = held.compute_resource
    elif held.address:
        told.address = held.address
    else:
        told.whole_tenant = True
    return told


def _status_row(run: Run, change: event_pb2.StatusChanged, now: int) -> OutboxRow:
    id_ = f"{SOURCE}/{change.process_id}/{change.task_id}/{change.attempt}/{change.seq}"
    envelope = _envelope(run, id_, now)
    envelope.status_changed.CopyFrom(change)
    return OutboxRow(STATUS, run.process_id, envelope.SerializeToString(), run.process_id)


def _envelope(run: Run, id_: str, now: int) -> event_pb2.Envelope:
    return event_pb2.Envelope(
        id=id_, tenant=run.tenant, aggregate_id=run.process_id, source=SOURCE, time=to_timestamp(now)
    )
