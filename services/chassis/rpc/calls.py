"""Turns a method of a servicer into what grpc.aio runs: parsed, validated, on the right thread, with errors mapped.

Plain functions run on a thread of the pool, `async def` ones on the loop. Bytes are parsed and written here, not by
grpc, so that a malformed request is the caller's mistake and an unserializable answer is ours.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import aclosing
from contextvars import copy_context
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from services.chassis.errors import FieldViolation, InvalidFields
from services.chassis.rpc.guard import Guard
from services.chassis.rpc.validation import validate

_END = object()

Authenticate = Callable[[], None]
"""Checks auth.raw_token() and sets the caller; raises a Refusal."""


class Call:
    """One method, ready to be called by grpc.aio."""

    def __init__(
        self, method: Any, *, pool: Executor, uploads: Executor, guard: Guard, authenticate: Authenticate | None = None
    ) -> None:
        """`method`: the grpc.RpcMethodHandler that generated code made. `authenticate` is called on the handler's
        thread before the request is read, so it is for plain functions alone."""
        self._behaviour: Callable[..., Any] = (
            method.unary_unary or method.unary_stream or method.stream_unary or method.stream_stream
        )
        self._parse: Callable[[bytes], Message] = method.request_deserializer
        self._serialize: Callable[[Any], bytes] = method.response_serializer
        self._asynchronous = inspect.iscoroutinefunction(self._behaviour) or inspect.isasyncgenfunction(self._behaviour)
        # A client that sends slowly holds its thread all the while, and must not hold those of the others.
        self._pool = uploads if method.request_streaming else pool
        self._requests_stream = method.request_streaming
        self._responses_stream = method.response_streaming
        self._guard = guard
        self._authenticate = authenticate
        if authenticate is not None and self._asynchronous:
            raise TypeError("what checks tokens may wait, and would hold up the loop")

    def handler(self) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler to give to grpc.aio."""
        single: Any = self._single
        stream: Any = self._stream
        if self._requests_stream and self._responses_stream:
            return grpc.stream_stream_rpc_method_handler(stream)
        if self._requests_stream:
            return grpc.stream_unary_rpc_method_handler(single)
        if self._responses_stream:
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(single)

    async def _single(self, incoming: Any, context: Any) -> bytes:
        # A watch has no end of its own and is ended by a drain; anything else is given the time to finish.
        async with self._guard.call(context, patient=not self._requests_stream):
            if self._asynchronous:
                return self._serialize(await self._behaviour(self._request(incoming, context), context))
            request = self._request_source(incoming, context)
            return await asyncio.wrap_future(self._submit(self._respond, request, context))
        raise AssertionError("the guard lets no exception through without ending the call")

    async def _stream(self, incoming: Any, context: Any) -> None:
        async with self._guard.call(context, patient=False, endless=self._asynchronous):
            if self._asynchronous:
                async with aclosing(self._behaviour(self._request(incoming, context), context)) as responses:
                    async for response in responses:
                        await context.write(self._serialize(response))
            else:
                await self._stream_from_thread(self._request_source(incoming, context), context)

    async def _stream_from_thread(self, request: Callable[[], Any], context: Any) -> None:
        run: Callable[..., Any] = copy_context().run
        step = self._submit(lambda: iter(self._behaviour(request(), context)))
        responses: Iterator[Any] | None = None
        try:
            responses = await asyncio.wrap_future(step)
            while True:
                step = self._pool.submit(run, self._next, responses)
                response = await asyncio.wrap_future(step)
                if response is _END:
                    return
                await context.write(response)
        finally:
            # Canceled in mid-step, the generator still runs on its thread: it is closed once that step is over.
            close = getattr(responses, "close", None)
            if close is not None:
                step.add_done_callback(lambda _: run(close))

    def _next(self, responses: Iterator[Any]) -> Any:
        response = next(responses, _END)
        return response if response is _END else self._serialize(response)

    def _respond(self, request: Callable[[], Any], context: Any) -> bytes:
        return self._serialize(self._behaviour(request(), context))

    def _submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._pool.submit(copy_context().run, work, *args)

    def _request(self, incoming: Any, context: Any) -> Any:
        return self._read_async(context) if self._requests_stream else self._parsed(incoming)

    def _request_source(self, incoming: Any, context: Any) -> Callable[[], Any]:
        """Called on the handler's thread, where parsing and validating keep out of the loop's way."""
        loop = asyncio.get_running_loop()

        def request() -> Any:
            if self._authenticate is not None:
                self._authenticate()
            return self._read(context, loop) if self._requests_stream else self._parsed(incoming)

        return request

    def _read(self, context: Any, loop: asyncio.AbstractEventLoop) -> Iterator[Message]:
        while (raw := asyncio.run_coroutine_threadsafe(context.read(), loop).result()) is not grpc.aio.EOF:
            yield self._parsed(raw)

    async def _read_async(self, context: Any) -> AsyncIterator[Message]:
        while (raw := await context.read()) is not grpc.aio.EOF:
            yield self._parsed(raw)

    def _parsed(self, raw: bytes) -> Message:
        try:
            message = self._parse(raw)
        except DecodeError as error:
            violation = FieldViolation("request", "the bytes received are no message of this method's request type")
            raise InvalidFields([violation]) from error
        # What this version knows nothing of, no rule has looked at: it must not get into what handlers store and send.
        message.DiscardUnknownFields()
        validate(message)
        return message
