"""Follows an experiment to its end: a live table on a terminal, else a line for each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from rich.console import Console
from rich.live import Live

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana_client.cli.errors import ExitCode
from vahana_client.cli.output import Format, emit_data, err, out, plain
from vahana_client.cli.progress import Progress
from vahana_client.connection import Connection

PATIENCE_SECONDS = 60.0
"""How long the mesh may be silent before the watch gives up; services that died are back long before."""

_PAUSE_SECONDS = 0.3


def follow(connection: Connection, experiment_id: str, form: Format) -> ExitCode:
    """Shows the experiment until it ends, then its last line or, for JSON and YAML, the whole of it."""
    progress = Progress()
    # Results alone go to standard output where a program reads it.
    try:
        with _display(out() if form is Format.TABLE else err(), progress) as show:
            for update in _updates(connection, experiment_id):
                show(progress.take(update))
                if progress.ended:
                    break
    except KeyboardInterrupt:
        err().print(f"the experiment goes on; `vahana experiment watch {experiment_id}` follows it again")
        raise
    if form is Format.TABLE:
        out().print(progress.summary())
    else:
        request = pb.GetExperimentRequest(experiment_id=experiment_id)
        emit_data(form, plain(connection.experiments.GetExperiment(request)))
    completed = progress.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED
    return ExitCode.OK if completed else ExitCode.FAILED


@contextmanager
def _display(console: Console, progress: Progress) -> Iterator[Callable[[list[str]], None]]:
    if not console.is_terminal:
        yield lambda lines: _print_lines(console, lines)
        return
    with Live(console=console, get_renderable=progress.table, refresh_per_second=4):
        yield lambda _: None


def _print_lines(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line)
    console.file.flush()


def _updates(connection: Connection, experiment_id: str) -> Iterator[pb.WatchExperimentResponse]:
    """Watches, again where the stream breaks: each watch begins with the present state."""
    request = pb.WatchExperimentRequest(experiment_id=experiment_id)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answered = False
        try:
            for update in connection.experiments.WatchExperiment(request):
                answered = True
                yield update
        except grpc.RpcError as error:
            # A stream may have been silent for long, and well; only what comes after its break is silence of the mesh.
            deadline = time.monotonic() + PATIENCE_SECONDS if answered else deadline
            if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
