"""The plan of a process: its tasks, in an order in which each stands after those it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from services.experiment.domain.facts import JobResources


class TaskType(IntEnum):
    """What a task does; numbers are those of `vahana.event.v1`, as for all enums here."""

    ENV_SETUP = 1
    DATA_STAGING_IN = 2
    PRE_JOB_COMMAND = 3
    JOB_SUBMISSION = 4
    MONITORING = 5
    POST_JOB_COMMAND = 6
    DATA_STAGING_OUT = 7
    CLEANUP = 8


class TriggerRule(IntEnum):
    """How the ends of a task's dependencies decide over it."""

    ALL_SUCCESS = 1
    ALL_DONE = 2
    ONE_FAILED = 3
    NONE_SKIPPED = 4


class OutputSource(IntEnum):
    """Where an output's bytes are."""

    FILE = 1
    STDOUT = 2
    STDERR = 3


@dataclass(frozen=True, slots=True)
class EnvSetup:
    """Makes the process's directories."""


@dataclass(frozen=True, slots=True)
class StageIn:
    """Brings one stored input to `inputs/{file_name}`; `size` is in bytes."""

    input: str
    sha256: str
    size: int
    file_name: str


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands run one after another in the work directory; `timeout` is in seconds, for all together."""

    commands: tuple[tuple[str, ...], ...]
    module_loads: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class Submission:
    """Hands one job to the job manager, with what it asks for."""

    words: tuple[str, ...]
    module_loads: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    rerun_safe: bool
    resources: JobResources


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Watches the job of a submission task."""

    job_task_id: str


@dataclass(frozen=True, slots=True)
class StageOut:
    """Brings one output to the store."""

    output: str
    source: OutputSource
    path: str
    job_task_id: str
    file_name: str
    required: bool


@dataclass(frozen=True, slots=True)
class Cleanup:
    """Removes the process's directory."""


Content = EnvSetup | StageIn | Commands | Submission | Monitoring | StageOut | Cleanup


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One node of the DAG."""

    task_id: str
    type: TaskType
    content: Content
    depends_on: tuple[str, ...] = ()
    trigger: TriggerRule = TriggerRule.ALL_SUCCESS
    required: bool = True
