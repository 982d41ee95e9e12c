"""What surrounds every call: how long it may take, how it ends when it fails, and how a drain ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import grpc

from services.chassis import log
from services.chassis.errors import Refusal, Unavailable
from services.chassis.rpc.auth import REQUEST_ID_KEY
from services.chassis.rpc.errors import Defect, code_of, cut, to_trailer

_log = log.get(__name__)

request_id: ContextVar[str] = ContextVar("vahana_request_id", default="")
"""The id of the present call; empty outside of one."""


class Guard:
    """Counts the calls of a server under way and turns the failures of handlers into answers."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._endless: set[asyncio.Task[Any]] = set()
        self._draining = False
        self.active = 0

    def end_watches(self) -> None:
        """End the streams that have no end of their own; their callers call again, elsewhere."""
        self._draining = True
        for task in list(self._endless):
            task.cancel()

    @asynccontextmanager
    async def call(self, context: Any, *, patient: bool, endless: bool = False) -> AsyncIterator[None]:
        """Around one handler. `patient` bounds a call whose caller set no deadline; `endless` marks a watch."""
        task = asyncio.current_task()
        self.active += 1
        if endless and task is not None:
            self._endless.add(task)
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id.get()),))
        bounded = patient and context.time_remaining() is None
        try:
            async with asyncio.timeout(self._patience if bounded else None) as limit:
                yield
        except asyncio.CancelledError:
            # grpc cancels the task of a call its caller gave up; what a drain cancels gets an answer.
            if not (endless and self._draining) or task is None:
                raise
            task.uncancel()
            await refuse(context, Unavailable("this service is going down; call again"))
        except Exception as error:
            if limit.expired() and not isinstance(error, grpc.aio.AbortError):
                text = f"no answer within {self._patience:g} seconds; set a deadline to wait longer"
                trailer = ((REQUEST_ID_KEY, request_id.get()),)
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, text, trailer)
            await self.fail(context, error)
        finally:
            self.active -= 1
            self._endless.discard(task)

    async def fail(self, context: Any, error: Exception) -> None:
        """End the call with what became of its handler; does not return."""
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, Refusal):
            level = "warning" if isinstance(error, Unavailable) else "debug"
            getattr(_log, level)("call refused", reason=error.reason, message=error.message)
            await refuse(context, error)
        _log.error("call failed by a defect", exc_info=error)
        await refuse(context, Defect(request_id.get()))


async def refuse(context: Any, refusal: Refusal) -> None:
    """End the call with this refusal; does not return."""
    trailer = (to_trailer(refusal), (REQUEST_ID_KEY, request_id.get()))
    await context.abort(code_of(refusal), cut(refusal.message), trailer)
