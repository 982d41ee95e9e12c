"""The plan of a process, for the scheduler."""

from __future__ import annotations

from collections.abc import Iterator

from services.chassis.db import Database
from services.chassis.errors import NotFound
from services.chassis.rpc.auth import Identity
from services.experiment.storage import processes
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import process_pb2 as pb

_MOST_TASKS = 500
_MOST_BYTES = 1024 * 1024


class Plans:
    """Pages plans out."""

    def __init__(self, db: Database) -> None:
        """Read from `db`."""
        self._db = db

    def stream(self, who: Identity, request: pb.GetPlanRequest) -> Iterator[pb.GetPlanResponse]:
        """What all tasks share, then the tasks in order, a few hundred a message."""
        with self._db.read() as tx:
            process = processes.find(tx, who.tenant, request.process_id)
            contents = list(processes.plan(tx, who.tenant, request.process_id))
        if process is None:
            raise NotFound("process", request.process_id)
        yield pb.GetPlanResponse(
            header=pb.PlanHeader(
                experiment_id=process.experiment_id,
                process_id=process.process_id,
                target=task_pb2.Target.FromString(process.target),
            )
        )
        for chunk in _chunks(contents):
            yield pb.GetPlanResponse(tasks=[task_pb2.PlannedTask.FromString(content) for content in chunk])


def _chunks(contents: list[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for content in contents:
        if chunk and (len(chunk) == _MOST_TASKS or size + len(content) > _MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(content)
        size += len(content)
    if chunk:
        yield chunk
