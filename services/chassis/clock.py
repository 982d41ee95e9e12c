"""Time, as the mesh stores it: whole microseconds since 1970, UTC."""

import time

from google.protobuf.timestamp_pb2 import Timestamp


def now_us() -> int:
    """Return the present time by this machine's clock."""
    return time.time_ns() // 1_000


def to_timestamp(us: int) -> Timestamp:
    """Return the protobuf form of a stored time."""
    seconds, rest = divmod(us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000)


def from_timestamp(timestamp: Timestamp) -> int:
    """Return the stored form of a protobuf time; what is finer than a microsecond is cut off."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000
