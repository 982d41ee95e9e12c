"""Use cases of what happened: events and outputs."""

from __future__ import annotations

from services.chassis.db import Database, Tx
from services.chassis.errors import FieldViolation, InvalidFields, NotFound
from services.chassis.paging import decode_token, encode_token, page_limit
from services.chassis.rpc.auth import Identity
from services.experiment.handlers.experiments import required
from services.experiment.storage import experiments, history, processes
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb


class History:
    """List events and outputs."""

    def __init__(self, db: Database) -> None:
        """Read from `db`."""
        self._db = db

    def events(self, who: Identity, request: pb.ListExperimentEventsRequest) -> pb.ListExperimentEventsResponse:
        """A page of a process's events, the oldest first."""
        limit = page_limit(request.page_size)
        with self._db.read() as tx:
            process_id = self._process_id(tx, who, request)
            rows = history.page(tx, who.tenant, process_id, _place(request.page_token, process_id), limit + 1)
        token = encode_token(process_id, rows[limit - 1].position) if len(rows) > limit else ""
        return pb.ListExperimentEventsResponse(
            events=[wire.history_event(row) for row in rows[:limit]], next_page_token=token
        )

    def outputs(self, who: Identity, request: pb.ListOutputsRequest) -> pb.ListOutputsResponse:
        """The outputs of the latest process."""
        with self._db.read() as tx:
            row = required(experiments.find(tx, who.tenant, request.experiment_id), request.experiment_id)
            rows = history.outputs(tx, who.tenant, row.process_id)
        return pb.ListOutputsResponse(outputs=[wire.stored_file(each) for each in rows])

    def _process_id(self, tx: Tx, who: Identity, request: pb.ListExperimentEventsRequest) -> str:
        row = required(experiments.find(tx, who.tenant, request.experiment_id), request.experiment_id)
        if not request.process_id:
            return row.process_id
        process = processes.find(tx, who.tenant, request.process_id)
        if process is None or process.experiment_id != row.experiment_id:
            raise NotFound("process", request.process_id)
        return process.process_id


def _place(page_token: str, process_id: str) -> int:
    match decode_token(page_token):
        case ():
            return 0
        case (of, position) if of == process_id and position.isdecimal() and len(position) < 19:
            return int(position)
    raise InvalidFields([FieldViolation("page_token", "is of another list: send next_page_token as it came")])
