"""Whether the histories of an experiment's processes are whole."""

from __future__ import annotations

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana_client.cli.errors import ExitCode
from vahana_client.cli.output import Columns, Format, emit_rows, moment, short
from vahana_client.connection import Connection, every

_ENDED = (
    state_pb2.PROCESS_STATE_COMPLETED,
    state_pb2.PROCESS_STATE_FAILED,
    state_pb2.PROCESS_STATE_CANCELED,
)


def _complete(one: pb.ProcessHistory) -> str:
    if one.state in _ENDED:
        return "yes" if one.complete else "no"
    return "not ended"


_HISTORIES: Columns = {
    "PROCESS": lambda one: one.process_id,
    "STATE": lambda one: short(state_pb2.ProcessState, one.state),
    "EVENTS": lambda one: one.event_count,
    "COMPLETE": _complete,
    "SETTLED": lambda one: moment(one.settle_time),
    "MISSING": lambda one: "; ".join(one.gaps),
}


def check_histories(connection: Connection, experiment_id: str, form: Format) -> ExitCode:
    """Prints what is known of the history of each process; FAILED where one has ended and its history is not whole."""

    def page(token: str) -> pb.CheckHistoryResponse:
        return connection.experiments.CheckHistory(
            pb.CheckHistoryRequest(experiment_id=experiment_id, page_token=token)
        )

    found = list(every(page, lambda answer: answer.histories))
    emit_rows(form, found, _HISTORIES, "it was never launched")
    whole = all(one.complete for one in found if one.state in _ENDED)
    return ExitCode.OK if whole else ExitCode.FAILED
