"""A launched plan: fetched whole, checked against its launch, and made into a run with its tasks."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.errors import DigestMismatch
from services.scheduler import walker
from services.scheduler.domain.holds import same_host
from services.scheduler.domain.model import SHARDS, Launch, Run, Task
from services.scheduler.domain.states import TaskType, TriggerRule
from vahana.event.v1 import task_pb2

LARGEST_TASK = 400_000
"""Bytes of a planned task: its dispatch, with target and jobs beside it, has to fit into a message."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as the experiment service keeps it, tasks in order."""

    target: task_pb2.Target
    tasks: Sequence[task_pb2.PlannedTask]


def plan_digest(plan: Plan) -> str:
    """SHA-256 over the target and the tasks in order, each in its deterministic form; lower-case hexadecimal."""
    digest = hashlib.sha256(plan.target.SerializeToString(deterministic=True))
    for planned in plan.tasks:
        digest.update(planned.SerializeToString(deterministic=True))
    return digest.hexdigest()


def verify(launch: Launch, plan: Plan) -> None:
    """DigestMismatch where the plan received is not the one launched."""
    if len(plan.tasks) != launch.task_count:
        counted = f"{len(plan.tasks)} of {launch.task_count} tasks"
        raise DigestMismatch(f"the plan of {launch.process_id} came with {counted}")
    if plan_digest(plan) != launch.plan_sha256:
        raise DigestMismatch(f"the plan of {launch.process_id} is not the one that was launched")


def new_run(launch: Launch, plan: Plan, now: int) -> Run:
    """The run of a launch, before it is walked."""
    return Run(
        tenant=launch.tenant,
        process_id=launch.process_id,
        experiment_id=launch.experiment_id,
        shard=shard_of(launch.process_id),
        target=plan.target.SerializeToString(),
        compute_resource=plan.target.compute_resource,
        address=same_host(plan.target.address),
        created_us=now,
        updated_us=now,
    )


def plan_nodes(plan: Plan) -> list[walker.Node]:
    """The plan as the walker sees it, checked; PlanUnwalkableError where it is no DAG, or a task is of an unknown kind
    or too large to dispatch.
    """
    nodes = []
    for planned in plan.tasks:
        if planned.ByteSize() > LARGEST_TASK:
            raise walker.PlanUnwalkableError(f"task {planned.task_id} has more than {LARGEST_TASK} bytes")
        try:
            TaskType(planned.type)
            rule = TriggerRule(planned.trigger_rule)
        except ValueError as error:
            raise walker.PlanUnwalkableError(f"task {planned.task_id}: {error}") from error
        nodes.append(walker.Node(planned.task_id, rule, tuple(planned.depends_on)))
    walker.check(nodes)
    return nodes


def new_tasks(run: Run, plan: Plan, nodes: Sequence[walker.Node]) -> list[Task]:
    """The tasks of a run, before it is walked; `nodes` is the same plan, checked."""
    waiting = walker.dependents(nodes)
    return [
        Task(
            tenant=run.tenant,
            process_id=run.process_id,
            task_id=planned.task_id,
            shard=run.shard,
            position=position,
            type=TaskType(planned.type),
            rule=node.rule,
            required=planned.required,
            dependents=tuple(waiting[planned.task_id]),
            job_task_id=_job_task_id(planned),
            planned=planned.SerializeToString(),
            pending=len(node.depends_on),
        )
        for position, (planned, node) in enumerate(zip(plan.tasks, nodes, strict=True))
    ]


def shard_of(process_id: str) -> int:
    """The shard whose holder keeps the process's time."""
    return zlib.crc32(process_id.encode()) % SHARDS


def _job_task_id(planned: task_pb2.PlannedTask) -> str:
    if planned.spec.HasField("job_submission"):
        return planned.task_id
    if planned.spec.HasField("monitoring"):
        return planned.spec.monitoring.job_task_id
    return planned.spec.data_staging_out.job_task_id
