"""A channel whose streams are cut off, with all that runs at their other end, when the attempt is to be ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from services.executor.channels.api import Channel, Result, Site, Stream
from services.executor.interrupts import Interrupt, Interrupted


class InterruptibleChannel:
    """Wraps a channel for work that may be given up at any point: nothing it leaves on the host does harm."""

    def __init__(self, channel: Channel, interrupt: Interrupt) -> None:
        """Nothing is begun once `interrupt` was told."""
        self._channel, self._interrupt = channel, interrupt

    @property
    def site(self) -> Site:
        """See Channel."""
        return self._channel.site

    def run(self, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", seconds: float = 60.0) -> Result:
        """See Channel. What is run so is short: it is not begun, but not cut off either."""
        self._interrupt.check()
        return self._channel.run(script, arguments, stdin=stdin, seconds=seconds)

    @contextmanager
    def open(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        input_bytes: int | None = None,
        stall_seconds: float = 300.0,
    ) -> Iterator[Stream]:
        """See Channel."""
        self._interrupt.check()
        with self._channel.open(script, arguments, input_bytes=input_bytes, stall_seconds=stall_seconds) as stream:
            try:
                with self._interrupt.cutting(stream.abort):
                    yield _InterruptibleStream(stream, self._interrupt)
            except Interrupted:
                # This may be seen before the cut is made; without it the script would run on.
                stream.abort()
                raise


class _InterruptibleStream:
    """A stream that goes no further once it was cut off: what is not there any more takes input without a word."""

    def __init__(self, stream: Stream, interrupt: Interrupt) -> None:
        self._stream, self._interrupt = stream, interrupt

    def read_line(self) -> str:
        self._interrupt.check()
        return self._stream.read_line()

    def read(self, limit: int) -> bytes:
        self._interrupt.check()
        return self._stream.read(limit)

    def write(self, data: bytes) -> None:
        self._interrupt.check()
        self._stream.write(data)

    def end_input(self) -> None:
        self._stream.end_input()

    def finish(self) -> Result:
        self._interrupt.check()
        return self._stream.finish()

    def abort(self) -> None:
        self._stream.abort()
