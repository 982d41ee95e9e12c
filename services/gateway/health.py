"""Health of the whole mesh by name: the gateway's own, and what each service says of itself."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.rpc.health import NOT_SERVING, Health
from services.gateway.backends import Backends
from services.gateway.shared import SharedAnswer, SharedWatch

_ANSWER_SECONDS = 3.0
_ASK_AGAIN_SECONDS = 1.0


class MeshHealth(Health):
    """Answers for the gateway itself (""), and asks the owner of every other service: once for all who ask it."""

    def __init__(self, backends: Backends, owners: Mapping[str, str]) -> None:
        super().__init__(())
        self._backends = backends
        self._owners = owners
        self._asked = {name: SharedAnswer(functools.partial(self._ask, name)) for name in owners}
        self._watched = {name: SharedWatch(functools.partial(self._follow, name)) for name in owners}

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:
        """What the owner says; NOT_SERVING where it does not answer."""
        if request.service not in self._owners:
            return await super().Check(request, context)
        return await self._asked[request.service].get()

    async def List(self, _request: Any, _context: Any) -> Any:
        """The status of every service of the mesh."""
        answers = await asyncio.gather(*(self._asked[service].get() for service in self._owners))
        own = health_pb2.HealthCheckResponse(status=self._status(""))
        statuses = {"": own, **dict(zip(self._owners, answers, strict=True))}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined] # newer than its stubs

    def _statuses(self, service: str) -> AsyncGenerator[Any, None]:
        watch = self._watched.get(service)
        return super()._statuses(service) if watch is None else watch.values()

    async def _follow(self, service: str) -> AsyncGenerator[Any, None]:
        """What the owner says, and every change of it; NOT_SERVING while it is away."""
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
