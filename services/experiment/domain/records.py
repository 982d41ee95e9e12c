"""What the service keeps, row by row. Times are microseconds, UTC; states are numbers of `vahana.event.v1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.experiment.domain.transitions import ExperimentState, ProcessIntent, ProcessState, TaskState


@dataclass(frozen=True, slots=True)
class Project:
    """A user's folder of experiments."""

    name: str
    description: str
    owner: str
    create_time: int
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Experiment:
    """One request to run an application; `spec` is a serialised ExperimentSpec, of which `application` is the name.

    `intent` is what was last asked of its latest process, 0 before a launch.
    """

    experiment_id: str
    project: str
    spec: bytes
    state: ExperimentState
    reason: str
    condition_code: int
    process_id: str
    owner: str
    create_time: int
    update_time: int
    revision: int
    application: str = ""
    intent: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """One launch of an experiment.

    `seq` numbers the last change of the process that counted, `last_position` the last event of its history; `revision`
    is raised with every batch of changes. `target` is a serialised Target. `intent_seq` counts what was asked of it
    after the launch. Then comes what it was planned from.

    Of a process that has ended, `settled_us` is when its history was proven whole; where it is not yet, `check_us` is
    when to look again, and `times_asked` how often what is missing was asked for.
    """

    tenant: str
    process_id: str
    experiment_id: str
    state: ProcessState
    phase: int
    reason: str
    condition_code: int
    seq: int
    last_position: int
    revision: int
    create_time: int
    update_time: int
    directory: str
    target: bytes
    intent: ProcessIntent = ProcessIntent.RUN
    intent_seq: int = 0
    launcher: str = ""
    application: str = ""
    application_version: str = ""
    deployment_revision: int = 0
    compute_resource_revision: int = 0
    settled_us: int | None = None
    check_us: int | None = None
    times_asked: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One node of a process's DAG as it stands; `revision` is that of the process when it last changed.

    `depends_on` holds one task id a line; `job` is a serialised Job, empty where there is none.
    """

    process_id: str
    task_id: str
    ordinal: int
    type: int
    state: TaskState
    attempt: int
    seq: int
    attempt_ended: bool
    max_attempts: int
    reason: str
    condition_code: int
    depends_on: str
    job: bytes
    start_time: int | None
    end_time: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a process's history; `content` is a serialised StatusChanged, `key` what tells it from others."""

    tenant: str
    process_id: str
    position: int
    key: str
    content: bytes
    applied: bool
    record_time: int


@dataclass(frozen=True, slots=True)
class Output:
    """A stored output of a process; `size` is in bytes."""

    tenant: str
    process_id: str
    name: str
    file_name: str
    sha256: str
    size: int


def fields(row: Experiment | Process | Task | Event | Output) -> dict[str, Any]:
    """The fields of a record by name."""
    return {name: getattr(row, name) for name in row.__slots__}
