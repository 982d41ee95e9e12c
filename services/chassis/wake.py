"""Wake-ups for coroutines that watch something which other threads change."""

import asyncio
import threading
from collections.abc import AsyncIterator


class Wakeups:
    """Wakes listeners by key. What changed is not told: listeners look."""

    def __init__(self) -> None:
        """Start without listeners."""
        self._lock = threading.Lock()
        self._listeners: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    def notify(self, key: str) -> None:
        """Wake all who listen to a key; from any thread, e.g. after a commit."""
        with self._lock:
            listeners = list(self._listeners.get(key, ()))
        for loop, event in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def listen(self, key: str, every: float = 1.0) -> AsyncIterator[None]:
        """Yield at once, then at each notification and at least every `every` seconds (other replicas do not notify).

        Look after each yield: a change between two looks is never missed.
        """
        listener = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._listeners.setdefault(key, []).append(listener)
        try:
            yield
            while True:
                try:
                    async with asyncio.timeout(every):
                        await listener[1].wait()
                except TimeoutError:
                    pass
                listener[1].clear()
                yield
        finally:
            self._forget(key, listener)

    def _forget(self, key: str, listener: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
        with self._lock:
            left = [other for other in self._listeners[key] if other is not listener]
            if left:
                self._listeners[key] = left
            else:
                del self._listeners[key]
