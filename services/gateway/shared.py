"""One question, or one stream of answers, for however many want to know the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedAnswer(Generic[T]):
    """An answer that those who ask while it is awaited get together. For one event loop."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._under_way: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """The answer to a question that was asked just now, if not before; raises what `ask` raises."""
        if self._under_way is None:
            self._under_way = asyncio.ensure_future(self._ask())
            self._under_way.add_done_callback(self._ended)
        # One caller that gives up must not take the answer from the others.
        return await asyncio.shield(self._under_way)

    def _ended(self, answer: asyncio.Future[T]) -> None:
        self._under_way = None
        if not answer.cancelled():
            # Seen, even where all who waited for it have gone.
            answer.exception()


class SharedWatch(Generic[T]):
    """The latest of a stream of values, for any number of listeners: it is open once while anybody listens, and not
    otherwise. For one event loop."""

    def __init__(self, follow: Callable[[], AsyncGenerator[T, None]]) -> None:
        """`follow` opens the stream, which ends by a defect alone: listeners get its exception."""
        self._follow = follow
        self._task: asyncio.Task[None] | None = None
        self._latest: list[T] = []
        self._changed = asyncio.Event()
        self.listeners = 0

    async def values(self) -> AsyncGenerator[T, None]:
        """The latest value as soon as there is one, then again whenever there is another; a listener that is slow gets
        the last of several."""
        self.listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        task = self._task
        try:
            while True:
                changed = self._changed
                if task.done():
                    task.result()
                for value in self._latest:
                    yield value
                await changed.wait()
        finally:
            self.listeners -= 1
            if not self.listeners:
                self._end()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None
        # What was told before would be news to no listener to come.
        self._latest = []

    async def _run(self) -> None:
        try:
            async with aclosing(self._follow()) as values:
                async for value in values:
                    self._latest = [value]
                    self._wake()
        finally:
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
