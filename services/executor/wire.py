"""Between claims and messages."""

import hashlib
from dataclasses import replace

from services.chassis import clock
from services.chassis.bounds import storable
from services.chassis.bus.topics import NO_TENANT
from services.executor.channels.api import Site
from services.executor.domain import places
from services.executor.domain.breaker import Breaker
from services.executor.domain.cancels import LEAVES_JOBS
from services.executor.domain.claims import Claim, ClaimState, Key
from services.executor.domain.jobs import Job, JobState
from services.executor.domain.outcomes import StoredFile
from services.executor.domain.queues import Lane
from services.executor.domain.troubles import Condition
from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana.executor.v1 import executor_pb2

SOURCE = "executor"
TELLS_JOB = frozenset({state_pb2.TASK_TYPE_JOB_SUBMISSION, state_pb2.TASK_TYPE_MONITORING})
"""Task types whose events carry a job; the commands around it run as jobs too, but that is nobody else's business."""


NEVER = 2**62
"""A time that does not come."""


def new_claim(tenant: str, dispatch: event_pb2.TaskDispatched, now_us: int, cancel_reason: str = "") -> Claim:
    """Return the claim for a dispatch. Monitoring is watched from the beginning, which its first event tells; all else
    waits for a worker. So is, where it is to be ended (`cancel_reason`), what may run on the host already.
    """
    cancel_reason = cancel_reason or storable(dispatch.cancel_reason)
    monitoring = dispatch.type == state_pb2.TASK_TYPE_MONITORING
    watched = monitoring or (bool(cancel_reason) and dispatch.type in LEAVES_JOBS)
    site = site_of(tenant, dispatch.target)
    return Claim(
        tenant=tenant,
        experiment_id=dispatch.experiment_id,
        process_id=dispatch.process_id,
        task_id=dispatch.task_id,
        attempt=dispatch.attempt,
        type=dispatch.type,
        lane=Lane.SLOW if dispatch.lane == task_pb2.LANE_SLOW else Lane.FAST,
        compute_resource=dispatch.target.compute_resource,
        host=f"{site.address}:{site.port}",
        account=hashlib.sha256(repr(site).encode()).hexdigest(),
        dispatch=dispatch.SerializeToString(),
        state=ClaimState.WATCHED if watched else ClaimState.ACCEPTED,
        epoch=0,
        version=0,
        holder="",
        lease_until_us=0,
        takeovers=0,
        seq=1 if watched else 0,
        blocked=False,
        blocked_since_us=0,
        tries=0,
        next_try_us=now_us,
        condition="",
        reason="",
        job=_first_job(dispatch),
        deadline_us=0,
        created_us=now_us,
        ended_us=0,
        cancel=bool(cancel_reason),
        cancel_reason=cancel_reason,
    )


def wish(canceled: event_pb2.TaskCanceled) -> str:
    """Return why an attempt is to be ended; never empty."""
    return storable(canceled.reason) or "canceled"


def key_of(tenant: str, message: event_pb2.TaskDispatched | event_pb2.TaskCanceled) -> Key:
    """Return what the attempt a message is about is known by."""
    return Key(message.process_id, message.task_id, message.attempt, tenant)


def undispatched(tenant: str, canceled: event_pb2.TaskCanceled, now_us: int, state: ClaimState) -> Claim:
    """Return the claim of an attempt that is canceled before its dispatch came: ENDED, or ACCEPTED until it comes."""
    ended = state is ClaimState.ENDED
    dispatch = event_pb2.TaskDispatched(
        experiment_id=canceled.experiment_id,
        process_id=canceled.process_id,
        task_id=canceled.task_id,
        attempt=canceled.attempt,
        type=canceled.type,
    )
    claim = new_claim(tenant, dispatch, now_us, wish(canceled))
    return replace(
        claim, dispatch=b"", state=state, seq=int(ended), next_try_us=NEVER, job=b"", ended_us=now_us if ended else 0
    )


def _first_job(dispatch: event_pb2.TaskDispatched) -> bytes:
    """The job as it is known before any host is contacted: its name is stored first."""
    if dispatch.type == state_pb2.TASK_TYPE_MONITORING:
        return dispatch.jobs[dispatch.spec.monitoring.job_task_id].SerializeToString()
    if dispatch.type not in LEAVES_JOBS:
        return b""
    name = places.job_name(dispatch.process_id, dispatch.task_id, dispatch.attempt)
    directory = places.job_directory(dispatch.task_id, dispatch.attempt)
    return task_pb2.Job(name=name, directory=directory).SerializeToString()


def site_of(tenant: str, target: task_pb2.Target) -> Site:
    """Return the account a target names."""
    keys = tuple(target.host_keys)
    return Site(tenant, target.address, target.port or 22, target.login, target.credential_id, keys)


def status(
    claim: Claim,
    seq: int,
    state: state_pb2.TaskState.ValueType,
    *,
    now_us: int,
    blocked: bool = False,
    condition: Condition = Condition.UNSPECIFIED,
    reason: str = "",
    retryable: bool = False,
    job: Job | None = None,
    file: StoredFile | None = None,
    facts: dict[str, str] | None = None,
) -> bytes:
    """Return the envelope of one event about a claim. Its id follows from what it is about: copies are alike."""
    changed = event_pb2.StatusChanged(
        experiment_id=claim.experiment_id,
        process_id=claim.process_id,
        task_id=claim.task_id,
        attempt=claim.attempt,
        seq=seq,
        source=SOURCE,
        task_state=state,
        task_type=state_pb2.TaskType.ValueType(claim.type),
        reason=reason,
        condition_code=state_pb2.ConditionCode.Value(f"CONDITION_CODE_{condition}"),
        blocked=blocked,
        retryable=retryable,
        job=job_message(job) if job is not None and claim.type in TELLS_JOB else None,
        file=file_message(file) if file is not None else None,
        time=clock.to_timestamp(now_us),
        facts={"compute_resource": claim.compute_resource, **(facts or {})},
    )
    envelope = event_pb2.Envelope(
        id=f"{SOURCE}/{claim.key.ref}/{seq}",
        tenant=claim.tenant,
        aggregate_id=claim.process_id,
        source=SOURCE,
        time=clock.to_timestamp(now_us),
        status_changed=changed,
    )
    return envelope.SerializeToString(deterministic=True)


def health_changed(breaker: Breaker, now_us: int) -> bytes:
    """Return the envelope that tells of a host's health; its id follows from what it is about."""
    changed = event_pb2.HostHealthChanged(
        host=breaker.host,
        health=state_pb2.HostHealth.ValueType(breaker.health),
        reason=breaker.reason,
        condition_code=condition_code(breaker.condition),
        since=clock.to_timestamp(breaker.since_us),
        next_probe_at=clock.to_timestamp(breaker.next_probe_us) if breaker.barred else None,
        seq=breaker.seq,
    )
    envelope = event_pb2.Envelope(
        id=f"{SOURCE}/host-{hashlib.sha256(breaker.host.encode()).hexdigest()[:32]}/{breaker.seq}",
        tenant=NO_TENANT,
        aggregate_id=host_key(breaker.host),
        source=SOURCE,
        time=clock.to_timestamp(now_us),
        host_health_changed=changed,
    )
    return envelope.SerializeToString(deterministic=True)


def host_key(host: str) -> str:
    """Return the key of messages about a host: an address may be longer than keys are."""
    return host[:200]


def condition_code(condition: str) -> state_pb2.ConditionCode.ValueType:
    """Return the number of a condition; of none where it is empty."""
    return state_pb2.ConditionCode.Value(f"CONDITION_CODE_{Condition(condition or Condition.UNSPECIFIED)}")


def job_message(job: Job) -> task_pb2.Job:
    """Return a job's message."""
    return task_pb2.Job(
        name=job.name,
        job_id=job.job_id,
        submitted_at=clock.to_timestamp(job.submitted_us) if job.submitted_us else None,
        state=state_pb2.JobState.Value(f"JOB_STATE_{job.state}"),
        exit_code=job.exit_code,
        signal=job.signal,
        directory=job.directory,
    )


def job_of(message: task_pb2.Job) -> Job:
    """Return the job a message tells of, as it was handed over."""
    submitted = clock.from_timestamp(message.submitted_at) if message.HasField("submitted_at") else 0
    return Job(message.name, message.directory, message.job_id, submitted, JobState.SUBMITTED)


def file_message(file: StoredFile) -> task_pb2.StoredFile:
    """Return a stored file's message."""
    return task_pb2.StoredFile(name=file.name, file_name=file.file_name, sha256=file.sha256, size=file.size)


def claim_message(claim: Claim) -> executor_pb2.Claim:
    """Return a claim as operators see it."""
    held = claim.state == ClaimState.CLAIMED
    return executor_pb2.Claim(
        process_id=claim.process_id,
        task_id=claim.task_id,
        attempt=claim.attempt,
        type=state_pb2.TaskType.ValueType(claim.type),
        state=executor_pb2.ClaimState.ValueType(claim.state),
        epoch=claim.epoch,
        holder=claim.holder,
        lease_expire_time=clock.to_timestamp(claim.lease_until_us) if held else None,
        reason=claim.reason,
        create_time=clock.to_timestamp(claim.created_us),
        compute_resource=claim.compute_resource,
    )
