"""Health of the whole mesh by name: the gateway's own, and what each service says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.rpc.health import NOT_SERVING, Health
from services.gateway.backends import Backends

_ANSWER_SECONDS = 3.0
_ASK_AGAIN_SECONDS = 1.0


class MeshHealth(Health):
    """Answers for the gateway itself (""), and asks the owner of every other service each time."""

    def __init__(self, backends: Backends, owners: Mapping[str, str]) -> None:
        super().__init__(())
        self._backends = backends
        self._owners = owners

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:
        """What the owner says; NOT_SERVING where it does not answer."""
        if request.service not in self._owners:
            return await super().Check(request, context)
        return await self._ask(request.service)

    async def List(self, _request: Any, _context: Any) -> Any:
        """The status of every service of the mesh."""
        answers = await asyncio.gather(*(self._ask(service) for service in self._owners))
        own = health_pb2.HealthCheckResponse(status=self._status(""))
        statuses = {"": own, **dict(zip(self._owners, answers, strict=True))}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined] # newer than its stubs

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """What the owner says, and every change of it; NOT_SERVING while it is away."""
        if request.service not in self._owners:
            async for own in super().Watch(request, context):
                yield own
        last = None
        async for status in self._statuses(request.service):
            if status != last:
                last = status
                yield health_pb2.HealthCheckResponse(status=status)

    async def _statuses(self, service: str) -> AsyncIterator[Any]:
        while True:
            watch: Any = self._stub(service).Watch(health_pb2.HealthCheckRequest(service=service))
            try:
                async for answer in watch:
                    yield answer.status
            except grpc.aio.AioRpcError:
                yield NOT_SERVING
            finally:
                watch.cancel()
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _ask(self, service: str) -> health_pb2.HealthCheckResponse:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer: Any = await self._stub(service).Check(request, timeout=_ANSWER_SECONDS)
        except grpc.aio.AioRpcError:
            return health_pb2.HealthCheckResponse(status=NOT_SERVING)
        return health_pb2.HealthCheckResponse(status=answer.status)

    def _stub(self, service: str) -> Any:
        channel: Any = self._backends.health(self._owners[service])
        return health_pb2_grpc.HealthStub(channel)
