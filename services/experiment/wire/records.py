"""What the service keeps, as messages."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.clock import to_timestamp
from services.experiment.domain.access import Permission
from services.experiment.domain.records import Event, Experiment, Output, Process, Project, Task
from services.experiment.domain.transitions import terminal
from vahana.event.v1 import event_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import project_pb2

MOST_GAPS = 100
"""Most sentences that say what is missing of one history."""


def project(row: Project, permission: Permission) -> project_pb2.Project:
    """A project, for someone with this permission."""
    return project_pb2.Project(
        name=row.name,
        description=row.description,
        owner=row.owner,
        create_time=to_timestamp(row.create_time),
        revision=row.revision,
        permission=permission.value,  # type: ignore[arg-type]
    )


def experiment(row: Experiment, permission: Permission) -> pb.Experiment:
    """An experiment as it stands, for someone with this permission."""
    return pb.Experiment(
        experiment_id=row.experiment_id,
        spec=pb.ExperimentSpec.FromString(row.spec),
        state=row.state.value,  # type: ignore[arg-type]
        reason=row.reason,
        condition_code=row.condition_code,  # type: ignore[arg-type]
        process_id=row.process_id,
        owner=row.owner,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        revision=row.revision,
        permission=permission.value,  # type: ignore[arg-type]
        intent=row.intent,  # type: ignore[arg-type]
    )


def process(row: Process) -> pb.Process:
    """A process as it stands."""
    return pb.Process(
        process_id=row.process_id,
        experiment_id=row.experiment_id,
        state=row.state.value,  # type: ignore[arg-type]
        phase=row.phase,  # type: ignore[arg-type]
        reason=row.reason,
        condition_code=row.condition_code,  # type: ignore[arg-type]
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        directory=row.directory,
        intent=row.intent,  # type: ignore[arg-type]
        application=pb.ApplicationPin(
            application=row.application,
            application_version=row.application_version,
            compute_resource=task_pb2.Target.FromString(row.target).compute_resource,
            deployment_revision=row.deployment_revision,
            compute_resource_revision=row.compute_resource_revision,
        ),
        launcher=row.launcher,
    )


def task(row: Task) -> pb.Task:
    """A task as it stands."""
    return pb.Task(
        task_id=row.task_id,
        type=row.type,  # type: ignore[arg-type]
        state=row.state.value,  # type: ignore[arg-type]
        attempt=row.attempt,
        reason=row.reason,
        condition_code=row.condition_code,  # type: ignore[arg-type]
        depends_on=row.depends_on.split("\n") if row.depends_on else (),
        job=task_pb2.Job.FromString(row.job) if row.job else None,
        start_time=_optional(row.start_time),
        end_time=_optional(row.end_time),
    )


def process_history(row: Process, missing: Sequence[str]) -> pb.ProcessHistory:
    """What is known of the history of a process, of which so much is missing."""
    more = len(missing) - MOST_GAPS
    told = [*missing[: MOST_GAPS - 1], f"and {more + 1} more"] if more > 0 else missing
    return pb.ProcessHistory(
        process_id=row.process_id,
        state=row.state.value,  # type: ignore[arg-type]
        event_count=row.last_position,
        complete=terminal(row.state) and not missing,
        settle_time=to_timestamp(row.settled_us) if row.settled_us is not None else None,
        gaps=told,
        times_asked=row.times_asked,
    )


def history_event(row: Event) -> pb.HistoryEvent:
    """An entry of the history."""
    return pb.HistoryEvent(
        position=row.position,
        change=event_pb2.StatusChanged.FromString(row.content),
        applied=row.applied,
        record_time=to_timestamp(row.record_time),
    )


def stored_file(row: Output) -> task_pb2.StoredFile:
    """A stored output."""
    return task_pb2.StoredFile(name=row.name, file_name=row.file_name, sha256=row.sha256, size=row.size)


def _optional(us: int | None) -> Timestamp | None:
    return None if us is None else to_timestamp(us)
