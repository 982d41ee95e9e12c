"""What is known of an experiment once all is quiet, for the checker."""

import grpc

from tests.chaos.users import Scientist, insisting
from tests.checker.record import PayloadRun, Record, Standing
from tests.e2e.conftest import RunningMesh
from vahana.event.v1 import state_pb2, task_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc


class Plans:
    """The plans of processes, asked for in the scheduler's name."""

    def __init__(self, mesh: RunningMesh) -> None:
        token = mesh.access_token("scheduler")
        self._metadata = (("authorization", f"Bearer {token}"), ("x-vahana-tenant", "default"))
        self._channel = grpc.insecure_channel(mesh.address("experiment"))
        self._stub = process_pb2_grpc.ProcessServiceStub(self._channel)

    def of(self, process_id: str) -> list[task_pb2.PlannedTask]:
        """The tasks of a plan, in order."""
        request = process_pb2.GetPlanRequest(process_id=process_id)

        def fetch() -> list[task_pb2.PlannedTask]:
            parts = self._stub.GetPlan(request, metadata=self._metadata, timeout=30)
            return [task for part in parts for task in part.tasks]

        return insisting(fetch)


def record(scientist: Scientist, plans: Plans) -> Record:
    """How an experiment ended, what is recorded of it, and what it ran: the probe notes each run in a file."""
    answer = scientist.standing()
    process_id = answer.process.process_id
    plan = plans.of(process_id)
    (job,) = [each.task_id for each in plan if each.type == state_pb2.TASK_TYPE_JOB_SUBMISSION]
    runs = [PayloadRun(process_id, job, 1)] * scientist.probe.runs()
    commands = (state_pb2.TASK_TYPE_PRE_JOB_COMMAND, state_pb2.TASK_TYPE_POST_JOB_COMMAND)
    runs += [PayloadRun(process_id, each.task_id, 1) for each in plan if each.type in commands]
    standing = Standing(answer.process.state, {task.task_id: task.state for task in answer.tasks})
    checked = scientist.settled_history()
    known = {"gaps": checked.gaps, "settled": checked.HasField("settle_time")}
    return Record(process_id, plan, scientist.history(), standing, runs=runs, **known)
