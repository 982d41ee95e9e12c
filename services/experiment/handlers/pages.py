"""How much of a list fits into one answer."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

_MOST_BYTES = 2 * 1024 * 1024
"""A page ends early rather than outgrow what a client receives by default, 4 MiB."""


def fitting(items: Sequence[Message], limit: int) -> int:
    """How many of the items, from the first on, make up a page of at most `limit`; at least one where there are any."""
    size = 0
    for count, item in enumerate(items[:limit]):
        size += item.ByteSize()
        if count and size > _MOST_BYTES:
            return count
    return min(limit, len(items))
