"""A channel that tells when the host was reached again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from services.executor.channels.api import Channel, Result, Site, Stream


class ContactChannel:
    """Wraps a channel for an attempt that waited for its host: calls `reached` once something runs there."""

    def __init__(self, channel: Channel, reached: Callable[[], None]) -> None:
        """`reached` may be called more than once."""
        self._channel, self._reached = channel, reached

    @property
    def site(self) -> Site:
        """See Channel."""
        return self._channel.site

    def run(self, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", seconds: float = 60.0) -> Result:
        """See Channel."""
        result = self._channel.run(script, arguments, stdin=stdin, seconds=seconds)
        self._reached()
        return result

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
        with self._channel.open(script, arguments, input_bytes=input_bytes, stall_seconds=stall_seconds) as stream:
            self._reached()
            yield stream
