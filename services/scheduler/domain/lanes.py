"""In which lane a task is done: what takes long is not to hold up what is over soon."""

from __future__ import annotations

from collections.abc import Collection

from services.scheduler.domain.states import Lane

LARGE_BYTES = 64 * 1024 * 1024
"""Files up to this size are staged in the fast lane."""


def lane_of(staged_bytes: int, host: str, slow_hosts: Collection[str]) -> Lane:
    """The lane of an attempt. `staged_bytes`: the size of the file it stages, 0 where it stages none or the size is not
    known, as that of an output is not; `host`: where it is done, address:port.
    """
    return Lane.SLOW if staged_bytes > LARGE_BYTES or host in slow_hosts else Lane.FAST
