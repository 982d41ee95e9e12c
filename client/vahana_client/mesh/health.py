"""Whether a service says of itself that it serves."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from vahana_client.channels import open_channel
from vahana_client.mesh.ports import answers

_OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
"""A channel of its own each time: a shared one would wait out the pause after an earlier failure."""


def serving(address: str, seconds: float = 2.0) -> bool:
    """Asks grpc.health.v1 at HOST:PORT; False where nothing answers in time."""
    if not answers(address, seconds):
        return False
    with open_channel(address, _OPTIONS) as channel:
        check: Any = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
