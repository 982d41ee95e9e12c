"""What surrounds every call: whether there is room, how long it may take, how it ends when it fails or at a drain."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import grpc

from services.chassis import log
from services.chassis.errors import Refusal, Unavailable
from services.chassis.rpc.auth import REQUEST_ID_KEY, present_caller
from services.chassis.rpc.errors import Defect, code_of, cut, to_trailer
from services.chassis.rpc.shares import Shares

_log = log.get(__name__)

request_id: ContextVar[str] = ContextVar("vahana_request_id", default="")
"""The id of the present call; empty outside of one."""


class Guard:
    """Counts the calls of a server under way and turns the failures of handlers into answers."""

    def __init__(self, patience_seconds: float, shares: Shares | None = None) -> None:
        """`shares` bounds what each caller has under way; with None nothing does."""
        self._patience = patience_seconds
        self._shares = shares or Shares()
        self._endless: set[asyncio.Task[Any]] = set()
        self._draining = False
        self.active = 0

    def end_watches(self) -> None:
        """End the streams that have no end of their own; their callers call again, elsewhere."""
        self._draining = True
        for task in list(self._endless):
            task.cancel()

    @contextmanager
    def counted(self, *, endless: bool = False) -> Iterator[None]:
        """Count a call for as long as the block runs. LimitExceeded where its caller has too many under way."""
        with self._shares.one(present_caller(), endless=endless):
            self.active += 1
            try:
                yield
            finally:
                self.active -= 1

    @asynccontextmanager
    async def call(self, context: Any, *, patient: bool, endless: bool = False) -> AsyncIterator[None]:
        """Around one handler. `patient` bounds a call whose caller set no deadline; `endless` marks a watch, which ends
        with the token it was asked for with, for nobody looks at that again."""
        task = asyncio.current_task()
        if endless and task is not None:
            self._endless.add(task)
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id.get()),))
        bounded = patient and context.time_remaining() is None
        limit = asyncio.timeout(_left_of_token() if endless else self._patience if bounded else None)
        try:
            with self.counted(endless=endless):
                async with limit:
                    yield
        except asyncio.CancelledError:
            # grpc cancels the task of a call its caller gave up; what a drain cancels gets an answer.
            if not (endless and self._draining) or task is None:
                raise
            task.uncancel()
            await refuse(context, Unavailable("this service is going down; call again"))
        except Exception as error:
            if limit.expired() and not isinstance(error, grpc.aio.AbortError):
                await self._refuse_late(context, endless)
            await self.fail(context, error)
        finally:
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

    async def _refuse_late(self, context: Any, endless: bool) -> None:
        if endless:
            await refuse(context, Unavailable("the access token of this stream has ended; call again"))
        text = f"no answer within {self._patience:g} seconds; set a deadline to wait longer"
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, text, ((REQUEST_ID_KEY, request_id.get()),))


async def refuse(context: Any, refusal: Refusal) -> None:
    """End the call with this refusal; does not return."""
    trailer = (to_trailer(refusal), (REQUEST_ID_KEY, request_id.get()))
    await context.abort(code_of(refusal), cut(refusal.message), trailer)


def _left_of_token() -> float | None:
    """How long the token of the present call will be taken, in seconds; None where that has no end."""
    who = present_caller()
    return None if who is None or math.isinf(who.end) else who.end - time.time()
