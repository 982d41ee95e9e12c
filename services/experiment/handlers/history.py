"""Use cases of what happened: events, whether they are all there, and outputs."""

from __future__ import annotations

from services.chassis.db import Database, Tx
from services.chassis.errors import NotFound
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, names_of, page_limit
from services.chassis.rpc.auth import Identity
from services.experiment.domain.access import Permission
from services.experiment.handlers import settling
from services.experiment.handlers.access import Access
from services.experiment.storage import history, processes
from services.experiment.wire import records as wire
from vahana.experiment.v1 import data_pb2
from vahana.experiment.v1 import experiment_pb2 as pb

_OfProcess = pb.ListExperimentEventsRequest | pb.ListOutputsRequest | data_pb2.DownloadOutputRequest
"""What asks for a process of an experiment: the latest one, where it names none."""


class History:
    """List events and outputs, and check that nothing is missing."""

    def __init__(self, db: Database, access: Access) -> None:
        """Read from `db`."""
        self._db = db
        self._access = access

    def events(self, who: Identity, request: pb.ListExperimentEventsRequest) -> pb.ListExperimentEventsResponse:
        """A page of a process's events, the oldest first."""
        return self._access.judged(who, lambda: self._events(who, request))

    def _events(self, who: Identity, request: pb.ListExperimentEventsRequest) -> pb.ListExperimentEventsResponse:
        limit = page_limit(request.page_size)
        with self._db.read() as tx:
            process_id = readable_process(tx, self._access, who, request)
            page = history.page(tx, who.tenant, process_id, _place(request.page_token, process_id), limit)
        token = encode_token(process_id, page.items[-1].position) if page.more else ""
        return pb.ListExperimentEventsResponse(
            events=[wire.history_event(row) for row in page.items], next_page_token=token
        )

    def check(self, who: Identity, request: pb.CheckHistoryRequest) -> pb.CheckHistoryResponse:
        """Whether the histories of an experiment's processes are whole, a page of them, the newest first."""
        return self._access.judged(who, lambda: self._check(who, request))

    def _check(self, who: Identity, request: pb.CheckHistoryRequest) -> pb.CheckHistoryResponse:
        limit, (before,) = page_limit(request.page_size), names_of(request.page_token, 1)
        with self._db.read() as tx:
            experiment_id = self._access.experiment(tx, who, request.experiment_id, Permission.READ).row.experiment_id
            rows = processes.of_experiment(tx, who.tenant, experiment_id, before, limit + 1)
            page = rows[:limit]
            histories = [wire.process_history(row, settling.missing(tx, row)) for row in page]
        token = encode_token(page[-1].process_id) if len(rows) > limit else ""
        return pb.CheckHistoryResponse(histories=histories, next_page_token=token)

    def outputs(self, who: Identity, request: pb.ListOutputsRequest) -> pb.ListOutputsResponse:
        """The outputs of a process."""
        return self._access.judged(who, lambda: self._outputs(who, request))

    def _outputs(self, who: Identity, request: pb.ListOutputsRequest) -> pb.ListOutputsResponse:
        with self._db.read() as tx:
            rows = history.outputs(tx, who.tenant, readable_process(tx, self._access, who, request))
        return pb.ListOutputsResponse(outputs=[wire.stored_file(each) for each in rows])


def readable_process(tx: Tx, access: Access, who: Identity, request: _OfProcess) -> str:
    """The id of the process asked for, of an experiment the caller may READ; NotFound where it is not of that."""
    row = access.experiment(tx, who, request.experiment_id, Permission.READ).row
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
        case (of, position) if of == process_id and is_number(position):
            return int(position)
    raise foreign_token()
