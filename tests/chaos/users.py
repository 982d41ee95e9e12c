"""Scientists who launch experiments whatever happens: they ask again until they are answered."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import grpc

from tests.e2e.probe import ENDED, Probe
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection

T = TypeVar("T")
_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_PATIENCE_SECONDS = 900.0
"""Longer than the longest storm: while services are killed as fast as they start, few calls find all they need."""
_SETTLED_SECONDS = 180.0


def insisting(call: Callable[[], T]) -> T:
    """The answer to a call that may be repeated, however often it takes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() not in _AGAIN or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Scientist:
    """One experiment, from its files to its end."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        self.probe = Probe(connection, directory)
        self._connection = connection
        self._request_id = uuid.uuid4().hex

    def launch(self, seconds: float) -> None:
        """Create and launch it, once, whatever is lost of calls and answers."""
        insisting(lambda: self.probe.create(seconds=seconds))
        request = experiment_pb2.LaunchExperimentRequest(experiment_id=self.probe.id, request_id=self._request_id)
        insisting(lambda: self._connection.experiments.LaunchExperiment(request, timeout=10))

    def standing(self) -> experiment_pb2.GetExperimentResponse:
        """How it stands."""
        return insisting(self.probe.get)

    def history(self) -> list[experiment_pb2.HistoryEvent]:
        """All that is recorded of it."""
        return insisting(self.probe.history)

    def settled_history(self) -> experiment_pb2.ProcessHistory:
        """What is known of its history once that is settled; or, where that never comes, what is missing then."""
        request = experiment_pb2.CheckHistoryRequest(experiment_id=self.probe.id)
        deadline = time.monotonic() + _SETTLED_SECONDS
        while True:
            (found,) = insisting(lambda: self._connection.experiments.CheckHistory(request, timeout=10)).histories
            if found.HasField("settle_time") or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


def wait_for_all(scientists: list[Scientist], seconds: float) -> list[Scientist]:
    """Wait until all have ended; return those that have not, after so long without any of them moving."""
    waiting, since, seen = list(scientists), time.monotonic(), None
    while waiting and time.monotonic() - since < seconds:
        standings = [each.standing() for each in waiting]
        now = [(each.experiment.revision, each.experiment.state) for each in standings]
        if now != seen:
            since, seen = time.monotonic(), now
        waiting = [one for one, at in zip(waiting, standings, strict=True) if at.experiment.state not in ENDED]
        time.sleep(0.5)
    return waiting
