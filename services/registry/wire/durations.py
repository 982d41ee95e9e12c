"""Durations on the wire; in the domain they are microseconds, 0 for none."""

from google.protobuf.duration_pb2 import Duration


def from_duration(sent: Duration) -> int:
    """A duration as a caller sent it, in microseconds; 0 where none was sent."""
    return sent.seconds * 1_000_000 + sent.nanos // 1_000


def to_duration(us: int) -> Duration | None:
    """A stored duration as callers see it; no message for none, so that the reader's default holds."""
    if not us:
        return None
    seconds, rest = divmod(us, 1_000_000)
    return Duration(seconds=seconds, nanos=rest * 1_000)
