"""What the scheduler asks of the experiment service."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc

from services.chassis.errors import NotAllowed, Unavailable
from services.chassis.rpc.client import call_metadata, translate
from services.scheduler.domain.model import Launch
from services.scheduler.plans import Plan
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc

_AT_ONCE = 8
_SECONDS = 30.0


class PlanPeer:
    """Fetches plans over gRPC."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = process_pb2_grpc.ProcessServiceStub(channel)
        self._pool = ThreadPoolExecutor(_AT_ONCE, "plans")

    def fetch(self, launches: Sequence[Launch]) -> list[Plan]:
        """The plans of these launches, in order. Unavailable where the experiment service does not answer."""
        return list(self._pool.map(self._fetch, launches))

    def _fetch(self, launch: Launch) -> Plan:
        target = task_pb2.Target()
        tasks: list[task_pb2.PlannedTask] = []
        request = process_pb2.GetPlanRequest(process_id=launch.process_id)
        try:
            with translate("experiment"):
                metadata = tuple(call_metadata(launch.tenant))
                for part in self._stub.GetPlan(request, metadata=metadata, timeout=_SECONDS):
                    if part.HasField("header"):
                        target = part.header.target
                    tasks.extend(part.tasks)
        except NotAllowed as error:
            # Says nothing against the launch, which must not be set aside for it.
            raise Unavailable(f"experiment does not give plans now: {error.message}") from error
        return Plan(target, tasks)
