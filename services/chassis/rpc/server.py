"""The gRPC server of every service: tokens, validation, error mapping, health and reflection around plain handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from services.chassis.rpc import connections, health
from services.chassis.rpc.auth import Verifier
from services.chassis.rpc.calls import Authenticate, Call
from services.chassis.rpc.gate import Find, Gate
from services.chassis.rpc.guard import Guard
from services.chassis.rpc.shares import Shares
from services.chassis.rpc.tls import Tls
from services.chassis.settings import Settings

PATIENCE_SECONDS = 60.0
"""How long a unary call may take whose caller set no deadline."""
MAX_CALLS = 2000
"""Most calls under way at once, watches included."""
_STREAM_ROOM = 1000
"""What a connection carries beyond those: watches of health, and calls on their way to be refused."""
_UPLOAD_THREADS = 16


class RpcServer:
    """Serves the servicers added to it between `start` and `stop`, on the loop that calls `start`.

    Methods of a servicer are plain functions and run on a bounded pool of threads; a method written with `async def`
    runs on the loop. A server-streaming method may be either kind of generator: write a watch, which has no end of its
    own, as an async one (a drain ends it at once) and a download as a plain one (a drain lets it finish).
    """

    def __init__(self, settings: Settings, verifier: Verifier) -> None:
        self._settings = settings
        self._verifier = verifier
        self.guard = Guard(PATIENCE_SECONDS, Shares(settings.calls_per_caller, settings.watches_per_caller))
        # Health needs no token: however much of it is asked, it takes no room from calls that have one.
        self._open_guard = Guard(PATIENCE_SECONDS)
        self._pool = ThreadPoolExecutor(settings.worker_threads, "rpc")
        self._uploads = ThreadPoolExecutor(_UPLOAD_THREADS, "upload")
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._services: list[str] = []
        self._authenticates: dict[str, Authenticate] = {}
        self._server: grpc.aio.Server | None = None
        self._health = health.Health(())
        self._find_elsewhere: Find = lambda _method: None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(
        self,
        register: Callable[[Any, Any], None],
        servicer: Any,
        service: str,
        *,
        authenticate: Authenticate | None = None,
    ) -> None:
        """Serve `servicer`: `register` is its generated add_…_to_server, `service` its full name. Before `start`.

        With `authenticate` its calls pass with any token, which that checks, scopes included, before a request is read.
        """
        self._services.append(service)
        if authenticate is not None:
            self._authenticates[service] = authenticate
        self._health.know(service)
        self._collect(register, servicer)

    def let_in_by(self, verifier: Verifier) -> None:
        """Have `verifier` tell who calls, in place of the one given first. Before `start`."""
        self._verifier = verifier

    def forward(self, find: Find, services: Sequence[str], answer: health.Health) -> None:
        """Serve methods of `services` by the handlers `find` gives; `answer` tells their health. For a gateway."""
        self._services += services
        self._find_elsewhere = find
        self._health = answer

    async def start(self) -> int:
        """Take calls; health says NOT_SERVING until `set_serving`. Returns the port. OSError when it cannot be had."""
        self._loop = asyncio.get_running_loop()
        self._collect(health_pb2_grpc.add_HealthServicer_to_server, self._health)
        self._add_introspection()
        options = connections.server_options(self._settings.max_message_bytes, MAX_CALLS + _STREAM_ROOM)
        self._server = grpc.aio.server(options=options)
        gate = Gate(self._find, self._verifier, self.guard, MAX_CALLS, frozenset(self._authenticates))
        self._server.add_generic_rpc_handlers((gate,))
        port = connections.listen(self._server, self._settings.listen, Tls.of(self._settings))
        await self._server.start()
        return port

    def set_serving(self, serving: bool) -> None:
        """Say on health whether calls should come here. From any thread, after `start`."""
        if self._loop is None:
            raise RuntimeError("set_serving comes after start")
        self._loop.call_soon_threadsafe(self._health.set_serving, serving)

    async def stop(self, grace_seconds: float) -> None:
        """Say NOT_SERVING, end the watches, give other calls `grace_seconds` to finish, then cut them off."""
        if self._server is None:
            return
        self._health.set_serving(False)
        # One turn of the loop for the last word of health to leave before its watchers are ended.
        await asyncio.sleep(0)
        self.guard.end_watches()
        self._open_guard.end_watches()
        await self._server.stop(grace_seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._uploads.shutdown(wait=False, cancel_futures=True)

    def _add_introspection(self) -> None:
        # Imported late: neither is needed before the first call is taken.
        from grpc_channelz.v1 import channelz  # noqa: PLC0415
        from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc  # noqa: PLC0415

        here: Any = _Collector(self._keep)
        channelz.add_channelz_servicer(here)
        names = [*self._services, health.SERVICE, reflection.SERVICE_NAME]
        register: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
        register(reflection.aio.ReflectionServicer(names), here)
        # v1 differs from v1alpha in its name alone.
        for method in [each for each in self._handlers if each.startswith(f"/{reflection.SERVICE_NAME}/")]:
            self._handlers[method.replace(".v1alpha.", ".v1.")] = self._handlers[method]

    def _find(self, method: str) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._handlers.get(method) or self._find_elsewhere(method)

    def _collect(self, register: Callable[[Any, Any], None], servicer: Any) -> None:
        register(servicer, _Collector(self._keep))

    def _keep(self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]) -> None:
        guard = self._open_guard if service == health.SERVICE else self.guard
        authenticate = self._authenticates.get(service)
        for name, handler in handlers.items():
            call = Call(handler, pool=self._pool, uploads=self._uploads, guard=guard, authenticate=authenticate)
            self._handlers[f"/{service}/{name}"] = call.handler()


class _Collector:
    """Stands in for a grpc.Server where generated code registers its handlers."""

    def __init__(self, keep: Callable[[str, Mapping[str, grpc.RpcMethodHandler[Any, Any]]], None]) -> None:
        self.add_registered_method_handlers = keep

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """The same handlers once more, without their names."""
