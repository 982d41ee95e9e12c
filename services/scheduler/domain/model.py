"""A process under way (run), its tasks, and what is reported of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from services.scheduler.domain.states import Health, Intent, Phase, ProcessState, TaskState, TaskType, TriggerRule
from services.scheduler.domain.transitions import ENDED_PROCESSES, ENDED_TASKS

SHARDS = 32

TaskKey = tuple[str, str]
"""Process id and task id."""


class Trouble(IntEnum):
    """Why a task does not go on by itself; the lower one is told first."""

    BLOCKED = 1
    WAITS_FOR_ATTEMPT = 2


@dataclass(slots=True)
class Run:
    """A process being walked. Times are microseconds UTC by the database's clock.

    `intent` is the latest there was, `intent_seq` its number (0 for none), `intent_reason` the sentence that tells of
    it. `compute_resource` and `address` say where its tasks are done, `hold_id` which hold it waits for (None for
    none), `hold_reason` and `hold_since_us` what is told of that. `parked_reason` and `parked_since_us` tell of the
    first of the messages about it that are parked; None where none is.
    """

    tenant: str
    process_id: str
    experiment_id: str
    shard: int
    target: bytes
    created_us: int
    updated_us: int
    state: ProcessState = ProcessState.QUEUED
    phase: Phase = Phase.UNSPECIFIED
    reason: str = ""
    condition: int = 0
    next_attempt_us: int | None = None
    failure: str = ""
    failure_condition: int = 0
    open_tasks: int = 0
    troubled_tasks: int = 0
    emitted: int = 0
    version: int = 0
    ended_us: int | None = None
    intent: Intent = Intent.RUN
    intent_seq: int = 0
    intent_reason: str = ""
    compute_resource: str = ""
    address: str = ""
    hold_id: str | None = None
    hold_reason: str = ""
    hold_since_us: int | None = None
    parked_reason: str = ""
    parked_since_us: int | None = None

    @property
    def held(self) -> bool:
        """Whether nothing new of it may begin: it is paused, on hold, or waits for a parked message. A cancel ends what
        is held, wherever it is.
        """
        kept = self.hold_id is not None or self.parked_since_us is not None
        return self.intent is Intent.PAUSE or (self.intent is Intent.RUN and kept)

    @property
    def ended(self) -> bool:
        """Whether it never changes again."""
        return self.state in ENDED_PROCESSES

    @property
    def begun(self) -> bool:
        """Whether anything of it was ever dispatched."""
        return self.phase is not Phase.UNSPECIFIED


@dataclass(slots=True)
class Task:
    """A node of a run's DAG.

    `attempt` is the latest one opened or planned, 0 before the first; `heard` the highest sequence number an executor
    reported for it; `emitted` the highest the scheduler gave. `pending`, `failed` and `skipped` are the walker's tally.
    `job_task_id` is the submission task whose job it is about. `planned` and `job` are messages as bytes, `planned`
    None until it is needed: it can be large. `held` is set where it could be dispatched, but its process is paused or
    on hold; `closing` where its latest attempt was opened only to end what runs of it. `opened_us` is when its first
    attempt was opened, `since_us` since when it waits for what it waits for now.
    """

    tenant: str
    process_id: str
    task_id: str
    shard: int
    position: int
    type: TaskType
    rule: TriggerRule
    required: bool
    dependents: tuple[str, ...]
    job_task_id: str
    planned: bytes | None
    pending: int = 0
    failed: int = 0
    skipped: int = 0
    state: TaskState = TaskState.CREATED
    attempt: int = 0
    heard: int = 0
    emitted: int = 0
    trouble: Trouble | None = None
    reason: str = ""
    condition: int = 0
    job: bytes | None = None
    next_attempt_us: int | None = None
    resend_us: int | None = None
    resends: int = 0
    held: bool = False
    closing: bool = False
    opened_us: int | None = None
    since_us: int | None = None
    version: int = 0

    @property
    def id(self) -> str:
        """Its identity as one word."""
        return f"{self.process_id}/{self.task_id}"

    @property
    def key(self) -> TaskKey:
        """Its identity."""
        return self.process_id, self.task_id

    @property
    def ended(self) -> bool:
        """Whether it never changes again."""
        return self.state in ENDED_TASKS


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to take up, and what its plan must be."""

    message_id: str
    tenant: str
    experiment_id: str
    process_id: str
    plan_sha256: str
    task_count: int


@dataclass(frozen=True, slots=True)
class Intended:
    """What a person wants of a process from now on; of several the one with the highest `seq` holds."""

    tenant: str
    process_id: str
    intent: Intent
    seq: int
    caller: str
    comment: str


@dataclass(frozen=True, slots=True)
class HostTold:
    """How well a host answers, as an executor tells; of several the one with the highest `seq` holds."""

    host: str
    """`address:port`."""
    health: Health
    seq: int


@dataclass(frozen=True, slots=True)
class Report:
    """What an executor reports of an attempt."""

    tenant: str
    process_id: str
    task_id: str
    attempt: int
    seq: int
    state: TaskState
    reason: str
    condition: int
    blocked: bool
    retryable: bool
    job: bytes | None


@dataclass(frozen=True, slots=True)
class HistoryNews:
    """What is told of a process's history: that it is whole, or else that some of it has not come."""

    tenant: str
    process_id: str
    settled: bool


@dataclass(frozen=True, slots=True)
class ParkingTold:
    """That a message about a process is parked, or is not any longer: what names it is from `service` to `consumer`."""

    message_id: str
    tenant: str
    process_id: str
    service: str
    topic: str
    partition: int
    offset: int
    consumer: str
    parked: bool
    reason: str

    @property
    def sentence(self) -> str:
        """What people are told of it."""
        place = f"{self.topic}/{self.partition}@{self.offset}"
        return f"a message about it is parked: {self.service} could not handle {place} ({self.consumer}): {self.reason}"
