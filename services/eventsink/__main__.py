"""Starts the event sink."""

from __future__ import annotations

import sys

from services.chassis.bus.topics import EVENTSINK, STATUS
from services.chassis.run import Chassis, main
from services.chassis.settings import Settings
from services.eventsink.consumers import Sink
from services.eventsink.peers import EXPERIMENT, History
from services.eventsink.schema import metadata
from vahana.eventsink.v1 import parked_pb2, parked_pb2_grpc


def wire() -> Chassis:
    """The service as its settings want it."""
    settings = Settings(service="eventsink")
    chassis = Chassis.start(settings, metadata, "services.eventsink")
    experiment = chassis.peer(EXPERIMENT)
    chassis.consume(EVENTSINK, [STATUS], Sink(History(experiment)).handle, name="status")
    chassis.operate_parked(
        parked_pb2_grpc.add_ParkedServiceServicer_to_server, "vahana.eventsink.v1.ParkedService", parked_pb2
    )
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
