"""grpc.health.v1: whether this process, and each service in it, takes calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from services.chassis.rpc.open_watches import OpenWatches

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

SERVICE = "grpc.health.v1.Health"


class Health:
    """One answer for all the services of a process: they come and go together. Lives on the server's loop."""

    def __init__(self, services: Iterable[str]) -> None:
        self._known = {"", *services}
        self._serving = False
        self._changed = asyncio.Event()
        self._open = OpenWatches()

    def know(self, service: str) -> None:
        """Answer for this service too."""
        self._known.add(service)

    def set_serving(self, serving: bool) -> None:
        """Tell every watcher."""
        self._serving = serving
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:
        """The present status; NOT_FOUND for a service that is not here."""
        if request.service not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def List(self, _request: Any, _context: Any) -> Any:
        """The status of every service here."""
        statuses = {name: health_pb2.HealthCheckResponse(status=self._status(name)) for name in sorted(self._known)}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined] # newer than its stubs

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The present status, then every change. LimitExceeded where too many watches are open."""
        with self._open.one(context.peer()):
            last = None
            async with aclosing(self._statuses(request.service)) as statuses:
                async for status in statuses:
                    if status != last:
                        last = status
                        yield health_pb2.HealthCheckResponse(status=status)

    async def _statuses(self, service: str) -> AsyncGenerator[Any, None]:
        """The present status, and again whenever it may have changed."""
        while True:
            changed = self._changed
            yield self._status(service)
            await changed.wait()

    def _status(self, service: str) -> Any:
        if service not in self._known:
            return SERVICE_UNKNOWN
        return SERVING if self._serving else NOT_SERVING
