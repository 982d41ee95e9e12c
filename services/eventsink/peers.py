"""What the event sink asks of the experiment service."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from services.chassis.errors import LimitExceeded, NotAllowed, Unavailable
from services.chassis.rpc.client import translate
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc

EXPERIMENT = "experiment"


class History:
    """The history of all processes, as the experiment service keeps it."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Ask over `channel`."""
        self._processes = process_pb2_grpc.ProcessServiceStub(channel)

    def persist(self, envelopes: Sequence[event_pb2.Envelope]) -> process_pb2.PersistEventsResponse:
        """Have the changes recorded, in this order. errors.Unavailable where the service does not answer: ask again."""
        try:
            with translate(EXPERIMENT):
                return self._processes.PersistEvents(process_pb2.PersistEventsRequest(events=envelopes))
        except (NotAllowed, LimitExceeded) as error:
            # Neither says anything against the messages, so none may be set aside for it.
            raise Unavailable(f"{EXPERIMENT} does not take events now: {error.message}") from error
