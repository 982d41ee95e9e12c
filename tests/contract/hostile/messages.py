"""What no service of the mesh sends, made from a message that one does send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from vahana.event.v1 import event_pb2, sync_pb2

YEAR_0, YEAR_10000 = -62_135_596_801, 253_402_300_800
"""The last second before the first year there is, and the first one after the last."""
_STAND_IN = "\1\1\1"
_SURROGATE = b"\xed\xa0\x80"
"""Half of a pair, as UTF-8 would have it: as long as what stands in for it."""
_UNKNOWN_FIELD = b"\xfa\x7f"
"""Tag of field 2047, of bytes."""


class Hostile(NamedTuple):
    """A message, and what is said of it where it is parked; `fault` empty: it is ignored, and counted as `outcome`."""

    name: str
    value: bytes
    fault: str = ""
    outcome: str = "parked"
    key: str = ""
    headers: tuple[tuple[str, bytes], ...] = ()


def everywhere(known: event_pb2.Envelope) -> Iterator[Hostile]:
    """What every consumer parks before it looks at what the message is about."""
    value = known.SerializeToString()
    yield Hostile("no protobuf", b"\xff\xff\xff", "not an envelope")
    yield Hostile("cut short", value[:-3], "not an envelope")
    yield Hostile("empty", b"", "id is empty")
    yield Hostile("600 KB", _padded(value, 600_000), "too large")
    yield Hostile("5 MB", _padded(value, 5_000_000), "too large")
    yield Hostile("huge key", b"\xff", "not an envelope", key="k\0" * 50_000)
    headers = tuple((f"h{number}", b"x" * 1000) for number in range(1000))
    yield Hostile("many headers", b"\xff", "not an envelope", headers=headers)
    for field in ("id", "tenant", "aggregate_id"):
        yield Hostile(f"no {field}", changed(known, field, ""), f"{field} is empty")
        yield Hostile(f"huge {field}", changed(known, field, "x" * 100_000), f"{field} has 100000 characters")
        yield Hostile(f"NUL in {field}", changed(known, field, "a\0b"), f"{field} is 'a\\x00b'")
        yield Hostile(f"surrogate in {field}", surrogate(known, field), "not an envelope")
    for seconds in (YEAR_0, YEAR_10000, 2**62, -(2**62)):
        yield Hostile(f"at {seconds} s", changed(known, "time.seconds", seconds), "outside of the years 1 to 9999")
    yield Hostile("negative nanoseconds", changed(known, "time.nanos", -1), "outside of the years 1 to 9999")


def elsewhere(known: event_pb2.Envelope, outcome: str) -> Iterator[Hostile]:
    """What belongs to another topic, or to none."""
    fault = "failed 3 times" if outcome == "parked" else ""
    nothing, other = (event_pb2.Envelope.FromString(known.SerializeToString()) for _ in range(2))
    nothing.ClearField(nothing.WhichOneof("payload") or "")
    yield Hostile("no payload", nothing.SerializeToString(), fault, outcome)
    if other.HasField("entity_changed"):
        other.process_launched.process_id = "proc-1"
    else:
        other.entity_changed.kind = sync_pb2.ENTITY_KIND_USER
    yield Hostile("payload of another topic", other.SerializeToString(), fault, outcome)


def faulty(sound: event_pb2.Envelope, fields: dict[str, Any]) -> Iterator[Hostile]:
    """A message each with one field of its payload wrong: by path, one value or several."""
    payload = sound.WhichOneof("payload")
    for path, values in fields.items():
        for value in values if isinstance(values, tuple) else (values,):
            message = changed(sound, f"{payload}.{path}", value)
            yield Hostile(f"{path}: {str(value)[:30]}", message, "failed 3 times; the last: ValueError")


def changed(sound: event_pb2.Envelope, path: str, value: Any) -> bytes:
    """The message with another value in a field."""
    copy = event_pb2.Envelope.FromString(sound.SerializeToString())
    *parents, name = path.split(".")
    at: Any = copy
    for parent in parents:
        at = getattr(at, parent)
    setattr(at, name, value)
    return copy.SerializeToString()


def surrogate(sound: event_pb2.Envelope, path: str) -> bytes:
    """The message with text in a field that is none: proto3 does not let us write it, others may."""
    return changed(sound, path, _STAND_IN).replace(_STAND_IN.encode(), _SURROGATE)


def _padded(value: bytes, size: int) -> bytes:
    """Valid still: with a field nobody knows."""
    length, digits = size, b""
    while length >= 0x80:
        digits += bytes([length & 0x7F | 0x80])
        length >>= 7
    return value + _UNKNOWN_FIELD + digits + bytes([length]) + b"x" * size
