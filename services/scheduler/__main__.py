"""Wiring of the scheduler: `python -m services.scheduler`."""

from __future__ import annotations

import random
import sys

from services.chassis.bus.topics import SCHEDULER
from services.chassis.inbox import Inbox
from services.chassis.leases import Leases
from services.chassis.outbox import Outbox
from services.chassis.requests import Requests
from services.chassis.run import Chassis, main
from services.chassis.timers import Timer
from services.scheduler.consumers import TOPICS, Consumers, Parking
from services.scheduler.handlers import Handlers
from services.scheduler.holding import Holding
from services.scheduler.hosts import slow_hosts
from services.scheduler.leases import Shards
from services.scheduler.peers import PlanPeer
from services.scheduler.runs import Rules
from services.scheduler.schema import metadata
from services.scheduler.settings import SchedulerSettings
from services.scheduler.transport import (
    EXPLANATION_SERVICE,
    HOLD_SERVICE,
    SERVICE,
    ExplanationService,
    HoldService,
    SchedulerService,
)
from vahana.scheduler.v1 import explanation_pb2_grpc, hold_pb2_grpc, parked_pb2, parked_pb2_grpc, scheduler_pb2_grpc


def wire() -> Chassis:
    """Puts the service together."""
    settings = SchedulerSettings()
    chassis = Chassis.start(settings, metadata, "services.scheduler")
    experiment = chassis.peer("experiment")
    outbox = Outbox(metadata)
    handlers = Handlers(
        db=chassis.db,
        outbox=outbox,
        inbox=Inbox(metadata),
        shards=Shards(Leases(metadata), alone=chassis.db.alone),
        plans=PlanPeer(experiment),
        rules=Rules(int(settings.resend_after_seconds * 1_000_000), random.random, slow_hosts),
    )
    attempts = Timer("attempts", handlers.open_due_attempts)
    handlers.attempts_planned.append(attempts.wake)
    holds = Timer("holds", handlers.follow_holds)
    holding = Holding(chassis.db, Requests(metadata), [holds.wake])
    chassis.relay(outbox)
    chassis.watch_parked(Parking(handlers))
    chassis.consume(SCHEDULER, TOPICS, Consumers(handlers).handle, name="process")
    chassis.operate_parked(
        parked_pb2_grpc.add_ParkedServiceServicer_to_server, "vahana.scheduler.v1.ParkedService", parked_pb2
    )
    chassis.background("attempts", attempts.run)
    chassis.background("holds", holds.run)
    chassis.background("sweeper", Timer("sweeper", handlers.send_unanswered_again).run)
    chassis.background("inbox", Timer("inbox", handlers.forget_old_messages).run)
    chassis.rpc.add(scheduler_pb2_grpc.add_SchedulerServiceServicer_to_server, SchedulerService(handlers), SERVICE)
    explanations = ExplanationService(handlers)
    chassis.rpc.add(explanation_pb2_grpc.add_ExplanationServiceServicer_to_server, explanations, EXPLANATION_SERVICE)
    chassis.rpc.add(hold_pb2_grpc.add_HoldServiceServicer_to_server, HoldService(holding), HOLD_SERVICE)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
