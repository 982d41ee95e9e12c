"""gRPC in: what operators and administrators of a tenant ask."""

from __future__ import annotations

import grpc

from services.chassis.clock import to_timestamp
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role, require_service
from services.scheduler.domain.explaining import Explained
from services.scheduler.domain.model import Run, Task
from services.scheduler.handlers import Handlers
from services.scheduler.holding import Holding
from vahana.event.v1 import explanation_pb2 as event_explanation_pb2
from vahana.event.v1 import state_pb2
from vahana.scheduler.v1 import (
    explanation_pb2,
    explanation_pb2_grpc,
    hold_pb2,
    hold_pb2_grpc,
    scheduler_pb2,
    scheduler_pb2_grpc,
)

SERVICE = "vahana.scheduler.v1.SchedulerService"
EXPLANATION_SERVICE = "vahana.scheduler.v1.ExplanationService"
HOLD_SERVICE = "vahana.scheduler.v1.HoldService"
EXPERIMENT = "experiment"


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


class ExplanationService(explanation_pb2_grpc.ExplanationServiceServicer):
    """Serves ExplanationService, to the experiment service alone."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def ExplainRun(
        self, request: explanation_pb2.ExplainRunRequest, context: grpc.ServicerContext
    ) -> explanation_pb2.ExplainRunResponse:
        """See the proto."""
        require_service(EXPERIMENT)
        found = self._handlers.explain_run(caller().tenant, request.process_id)
        return explanation_pb2.ExplainRunResponse(explanations=map(_explanation, found))


class HoldService(hold_pb2_grpc.HoldServiceServicer):
    """Serves HoldService."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    def PlaceHold(
        self, request: hold_pb2.PlaceHoldRequest, context: grpc.ServicerContext
    ) -> hold_pb2.PlaceHoldResponse:
        """See the proto."""
        return self._holding.place(request)

    def LiftHold(self, request: hold_pb2.LiftHoldRequest, context: grpc.ServicerContext) -> hold_pb2.LiftHoldResponse:
        """See the proto."""
        return self._holding.lift(request)

    def ListHolds(
        self, request: hold_pb2.ListHoldsRequest, context: grpc.ServicerContext
    ) -> hold_pb2.ListHoldsResponse:
        """See the proto."""
        return self._holding.list(request)


def _explanation(found: Explained) -> event_explanation_pb2.Explanation:
    return event_explanation_pb2.Explanation(
        task_id=found.task_id,
        waits_for=found.waits_for,
        since=to_timestamp(found.since_us),
        next=found.next,
        next_at=to_timestamp(found.next_us) if found.next_us is not None else None,
        condition_code=state_pb2.ConditionCode.ValueType(found.condition),
    )


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
