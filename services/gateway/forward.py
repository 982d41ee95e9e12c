"""Passes calls on as raw bytes: metadata, deadline, messages, status and cancellation, both ways.

A unary call takes no task and no queue of its own. A call whose requests stream has one task, which pumps them: the
backend may answer, or fail, before its caller has said all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import grpc

from services.chassis import log
from services.chassis.errors import Unavailable
from services.chassis.rpc.auth import REQUEST_ID_KEY
from services.chassis.rpc.errors import DETAILS_KEY
from services.chassis.rpc.guard import Guard, refuse, request_id
from services.gateway.backends import Backends
from services.gateway.callers import access_token
from services.gateway.table import Route

_log = log.get(__name__)

# What belongs to one hop; gRPC writes its own on the next.
_HOP = frozenset({"user-agent", "te", "content-type", REQUEST_ID_KEY})
_OF_GRPC = ("grpc-", ":")
_AUTHORIZATION = "authorization"
_WRITE_FAILED = "Internal error from Core"
"""What grpc.aio makes of a request it could not send."""


class Forwarder:
    """One method, passed on."""

    def __init__(self, route: Route, backends: Backends, guard: Guard) -> None:
        self._route = route
        self._backends = backends
        self._guard = guard
        self._method: Any = None
        self._dropped = _HOP if route.takes_any_token else _HOP | {_AUTHORIZATION}

    def handler(self) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler to give to grpc.aio."""
        kind = (self._route.requests_stream, self._route.responses_stream)
        unary_unary: Any = self._unary_unary
        unary_stream: Any = self._unary_stream
        stream_unary: Any = self._stream_unary
        stream_stream: Any = self._stream_stream
        handlers: dict[tuple[bool, bool], grpc.RpcMethodHandler[Any, Any]] = {
            (False, False): grpc.unary_unary_rpc_method_handler(unary_unary),
            (False, True): grpc.unary_stream_rpc_method_handler(unary_stream),
            (True, False): grpc.stream_unary_rpc_method_handler(stream_unary),
            (True, True): grpc.stream_stream_rpc_method_handler(stream_stream),
        }
        return handlers[kind]

    async def _unary_unary(self, request: bytes, context: Any) -> bytes:
        # By far the most of all calls are of this kind: what `_passed` does, in as few steps as can be.
        try:
            with self._guard.counted():
                call = self._start(context, request)
                response: bytes = await call
                await _pass_metadata(call, context)
                return response
        except grpc.aio.AioRpcError as error:
            await self._pass_error(error, context)
        except Exception as error:
            await self._guard.fail(context, error)
        raise AssertionError("a call that failed is ended by then")

    async def _unary_stream(self, request: bytes, context: Any) -> None:
        async with self._passed(context, request) as call:
            await _pass_responses(call, context)

    async def _stream_unary(self, _requests: Any, context: Any) -> bytes:
        async with self._passed(context) as call, _pumping(context, call):
            response: bytes = await call
            await _pass_metadata(call, context)
            return response

    async def _stream_stream(self, _requests: Any, context: Any) -> None:
        async with self._passed(context) as call, _pumping(context, call):
            await _pass_responses(call, context)

    def _start(self, context: Any, *request: bytes) -> Any:
        if self._method is None:
            self._method = self._open()
        metadata = [(key, value) for key, value in context.invocation_metadata() if not self._drops(key)]
        metadata.append((REQUEST_ID_KEY, request_id.get()))
        if not self._route.takes_any_token:
            metadata.append((_AUTHORIZATION, f"Bearer {access_token.get()}"))
        return self._method(*request, timeout=context.time_remaining(), metadata=metadata)

    def _drops(self, key: str) -> bool:
        return key in self._dropped or key.startswith(_OF_GRPC)

    def _open(self) -> Any:
        channel, route = self._backends.calls(self._route.backend), self._route
        if route.requests_stream:
            open_method: Any = channel.stream_stream if route.responses_stream else channel.stream_unary
        else:
            open_method = channel.unary_stream if route.responses_stream else channel.unary_unary
        return open_method(route.path)

    @contextlib.asynccontextmanager
    async def _passed(self, context: Any, *request: bytes) -> AsyncIterator[Any]:
        """Around one call to the backend: however it ends here, it ends there, and the other way round."""
        async with self._guard.call(context, patient=False, endless=self._route.endless):
            call, ended = self._start(context, *request), list[grpc.aio.AioRpcError]()
            call.add_done_callback(lambda _: ended.append(_status(call)))
            try:
                yield call
            except grpc.aio.AioRpcError as error:
                await self._pass_error(_true(error, ended), context)
            finally:
                call.cancel()

    async def _pass_error(self, error: grpc.aio.AioRpcError, context: Any) -> None:
        trailers: Any = tuple(error.trailing_metadata() or ())
        if _of_grpc_itself(error) and not any(key == DETAILS_KEY for key, _ in trailers):
            # The details name the service's address, which is nothing to callers.
            backend = self._route.backend
            _log.warning("a service does not answer", backend=backend, details=error.details())
            await refuse(context, Unavailable(f"the service {backend} does not answer; call again later"))
        await context.abort(error.code(), error.details() or "", trailers)


def _of_grpc_itself(error: grpc.aio.AioRpcError) -> bool:
    """Whether it may be the connection that failed: so it is where a service has not said so itself."""
    return error.code() is grpc.StatusCode.UNAVAILABLE or error.details() == _WRITE_FAILED


def _true(error: grpc.aio.AioRpcError, ended: Sequence[grpc.aio.AioRpcError]) -> grpc.aio.AioRpcError:
    """What the backend said: a request under way when the backend has ended the call fails, and grpc.aio puts that in
    the place of the status it had received (grpc/grpc#36066)."""
    if error.details() != _WRITE_FAILED or not ended or ended[0].code() is grpc.StatusCode.OK:
        return error
    return ended[0]


def _status(call: Any) -> grpc.aio.AioRpcError:
    """The status of a call that is done."""
    code, details, trailers = map(_at_once, (call.code(), call.details(), call.trailing_metadata()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details)


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        return returned.value
    coroutine.close()
    raise AssertionError("a call that is done knows its status")


@contextlib.asynccontextmanager
async def _pumping(context: Any, call: Any) -> AsyncIterator[None]:
    """Pass requests on for as long as the block runs."""
    pump = asyncio.create_task(_pass_requests(context, call))
    try:
        yield
    finally:
        pump.cancel()
        await asyncio.wait([pump])


async def _pass_requests(context: Any, call: Any) -> None:
    # A backend that is done with the call refuses more: its answer, awaited elsewhere, says why.
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while (request := await context.read()) is not grpc.aio.EOF:
            await call.write(request)
        await call.done_writing()


async def _pass_responses(call: Any, context: Any) -> None:
    await _pass_initial(call, context)
    while (response := await call.read()) is not grpc.aio.EOF:
        await context.write(response)
    context.set_trailing_metadata(tuple(await call.trailing_metadata()))


async def _pass_metadata(call: Any, context: Any) -> None:
    await _pass_initial(call, context)
    context.set_trailing_metadata(tuple(await call.trailing_metadata()))


async def _pass_initial(call: Any, context: Any) -> None:
    initial = tuple(await call.initial_metadata())
    if initial:
        await context.send_initial_metadata(initial)
