"""gRPC in: what operators and administrators of a tenant ask."""

from __future__ import annotations

import grpc

from services.chassis.clock import to_timestamp
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role
from services.scheduler.domain.model import Run, Task
from services.scheduler.handlers import Handlers
from vahana.event.v1 import state_pb2
from vahana.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc

SERVICE = "vahana.scheduler.v1.SchedulerService"


class SchedulerService(scheduler_pb2_grpc.SchedulerServiceServicer):
    """Serves SchedulerService; everyone sees the runs of their own tenant alone."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def GetRun(
        self, request: scheduler_pb2.GetRunRequest, context: grpc.ServicerContext
    ) -> scheduler_pb2.GetRunResponse:
        """See the proto."""
        run, tasks = self._handlers.get_run(_tenant(), request.process_id)
        return scheduler_pb2.GetRunResponse(run=_run(run), tasks=map(_task, tasks))

    def ListRuns(
        self, request: scheduler_pb2.ListRunsRequest, context: grpc.ServicerContext
    ) -> scheduler_pb2.ListRunsResponse:
        """See the proto."""
        runs, token = self._handlers.list_runs(_tenant(), request.page_size, request.page_token)
        return scheduler_pb2.ListRunsResponse(runs=map(_run, runs), next_page_token=token)


def _tenant() -> str:
    require_role(ADMIN, OPERATOR)
    return caller().tenant


def _run(run: Run) -> scheduler_pb2.Run:
    return scheduler_pb2.Run(
        process_id=run.process_id,
        experiment_id=run.experiment_id,
        state=state_pb2.ProcessState.ValueType(run.state),
        phase=state_pb2.ProcessPhase.ValueType(run.phase),
        reason=run.reason,
        create_time=to_timestamp(run.created_us),
        update_time=to_timestamp(run.updated_us),
    )


def _task(task: Task) -> scheduler_pb2.RunTask:
    return scheduler_pb2.RunTask(
        task_id=task.task_id,
        type=state_pb2.TaskType.ValueType(task.type),
        state=state_pb2.TaskState.ValueType(task.state),
        attempt=task.attempt,
        reason=task.reason,
        next_attempt_at=to_timestamp(task.next_attempt_us) if task.next_attempt_us is not None else None,
    )
