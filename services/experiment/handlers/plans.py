"""The plan of a process, for the scheduler."""

from __future__ import annotations

from collections.abc import Iterator

from services.chassis.db import Database
from services.chassis.errors import NotFound
from services.chassis.rpc.auth import Identity
from services.experiment.domain.records import Process
from services.experiment.storage import processes
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import process_pb2 as pb

MOST_TASKS = 500
"""Of one message, which large tasks end earlier."""


class Plans:
    """Pages plans out."""

    def __init__(self, db: Database) -> None:
        """Read from `db`."""
        self._db = db

    def stream(self, who: Identity, request: pb.GetPlanRequest) -> Iterator[pb.GetPlanResponse]:
        """What all tasks share, then the tasks in order, a few hundred a message and no more of them read at once."""
        with self._db.read() as tx:
            process = processes.find(tx, who.tenant, request.process_id)
            page = processes.plan(tx, who.tenant, request.process_id, 0, MOST_TASKS)
        if process is None:
            raise NotFound("process", request.process_id)
        yield pb.GetPlanResponse(header=_header(process))
        yield _tasks(page.items)
        sent = len(page.items)
        while page.more:
            # A plan never changes, so that its pages need no transaction in common.
            with self._db.read() as tx:
                page = processes.plan(tx, who.tenant, request.process_id, sent, MOST_TASKS)
            yield _tasks(page.items)
            sent += len(page.items)


def _header(process: Process) -> pb.PlanHeader:
    return pb.PlanHeader(
        experiment_id=process.experiment_id,
        process_id=process.process_id,
        target=task_pb2.Target.FromString(process.target),
    )


def _tasks(contents: list[bytes]) -> pb.GetPlanResponse:
    return pb.GetPlanResponse(tasks=[task_pb2.PlannedTask.FromString(content) for content in contents])
