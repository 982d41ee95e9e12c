"""Answers given before: a repeated request id gets the first answer."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.db import Tx
from services.chassis.requests import Requests, fingerprint
from services.chassis.rpc.auth import Identity
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import project_pb2

Request = project_pb2.CreateProjectRequest | pb.CreateExperimentRequest | pb.LaunchExperimentRequest
"""The requests with a client-chosen id."""

Answer = TypeVar("Answer", bound=Message)


class Answers:
    """Recalls and remembers answers, per caller and kind of request."""

    def __init__(self, requests: Requests) -> None:
        """Keep them in the table of `requests`."""
        self._requests = requests

    def recall(self, tx: Tx, who: Identity, request: Request, kind: type[Answer]) -> Answer | None:
        """The first answer to this request, None where there was none; RequestIdReused where its content differs."""
        stored = self._requests.recall(tx, _caller(who), _method(request), request.request_id, fingerprint(request))
        return None if stored is None else kind.FromString(stored)

    def remember(self, tx: Tx, who: Identity, request: Request, answer: Message) -> None:
        """Keep the answer with the transaction that made it true."""
        content = answer.SerializeToString()
        self._requests.remember(tx, _caller(who), _method(request), request.request_id, fingerprint(request), content)


def _caller(who: Identity) -> str:
    return f"{who.tenant}/{who.subject}"


def _method(request: Request) -> str:
    return request.DESCRIPTOR.name.removesuffix("Request")
