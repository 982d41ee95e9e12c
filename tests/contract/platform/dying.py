"""A process that consumes some messages: one of them kills it. Ends by itself where all are through.

`python -m tests.contract.platform.dying DATABASE_URL FATAL_ID COUNT`
"""

import os
import signal
import sys
import threading

import sqlalchemy as sa

from services.chassis.bus.api import Message
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import Topic
from services.chassis.consume import ConsumerLoop
from services.chassis.db import Database
from services.chassis.parked import Parked
from services.chassis.schema import add_platform_tables
from vahana.event.v1 import event_pb2

TOPIC = Topic("test.dying", 1, 0)


def main(url: str, fatal: str, count: int) -> None:
    """Consume `count` messages, of which the fatal one ends the process."""
    metadata = sa.MetaData()
    add_platform_tables(metadata, "parked", "incarnation", "reading", "attempted")
    db, bus, stop = Database(url, metadata), MemoryBus(), threading.Event()
    bus.ensure_topics([TOPIC])
    told = [event_pb2.Envelope(id=f"m-{number}", tenant="default", aggregate_id="p") for number in range(count)]
    bus.producer().publish([Message(TOPIC.name, "p", each.SerializeToString()) for each in told])

    def handle(deliveries):
        if any(each.envelope.id == fatal for each in deliveries):
            os.kill(os.getpid(), signal.SIGKILL)
        if deliveries[-1].envelope.id == f"m-{count - 1}":
            stop.set()

    ConsumerLoop(bus, "g", [TOPIC], handle, db, Parked(metadata), "test").run(stop)
    db.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
