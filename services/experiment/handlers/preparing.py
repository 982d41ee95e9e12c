"""All that a launch stores: process, tasks, plan and message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from services.chassis.clock import now_us
from services.chassis.ids import new_id
from services.chassis.rpc.auth import Identity
from services.experiment.domain.facts import ComputeResource
from services.experiment.domain.records import Process, Task
from services.experiment.domain.transitions import ProcessState, TaskState
from services.experiment.handlers.checking import Rehearsed
from services.experiment.wire import messages, plans
from vahana.event.v1 import event_pb2, task_pb2


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a launch stores."""

    process: Process
    tasks: list[Task]
    plan: list[bytes]
    envelope: event_pb2.Envelope


def prepare(who: Identity, experiment_id: str, rehearsed: Rehearsed, bounds: plans.Bounds) -> Prepared:
    """A process of the experiment, launched by `who`."""
    planned = plans.planned_tasks(rehearsed.plan(), bounds, rehearsed.checked.pinned.retries)
    contents = [each.SerializeToString(deterministic=True) for each in planned]
    process = _process(who, experiment_id, rehearsed)
    return Prepared(
        process=process,
        tasks=[_task(process.process_id, ordinal, each) for ordinal, each in enumerate(planned)],
        plan=contents,
        envelope=messages.launched(process, plans.digest(process.target, contents), len(planned)),
    )


def directory(resource: ComputeResource, experiment_id: str, process_id: str) -> str:
    """Where a process has its files on the compute resource."""
    return str(PurePosixPath(resource.scratch, experiment_id, process_id))


def _process(who: Identity, experiment_id: str, rehearsed: Rehearsed) -> Process:
    now = now_us()
    process_id = new_id("proc")
    checked = rehearsed.checked
    return Process(
        tenant=who.tenant,
        process_id=process_id,
        experiment_id=experiment_id,
        state=ProcessState.CREATED,
        phase=0,
        reason="",
        condition_code=0,
        seq=0,
        last_position=0,
        revision=1,
        create_time=now,
        update_time=now,
        directory=directory(checked.compute_resource, experiment_id, process_id),
        target=plans.target(checked.compute_resource).SerializeToString(deterministic=True),
        launcher=who.subject,
        application=checked.application.name,
        application_version=checked.application.version,
        deployment_revision=checked.deployment.revision,
        compute_resource_revision=checked.compute_resource.revision,
    )


def _task(process_id: str, ordinal: int, planned: task_pb2.PlannedTask) -> Task:
    return Task(
        process_id=process_id,
        task_id=planned.task_id,
        ordinal=ordinal,
        type=planned.type,
        state=TaskState.CREATED,
        attempt=0,
        seq=0,
        attempt_ended=False,
        max_attempts=planned.retry.max_attempts,
        reason="",
        condition_code=0,
        depends_on="\n".join(planned.depends_on),
        job=b"",
        start_time=None,
        end_time=None,
        revision=1,
    )
