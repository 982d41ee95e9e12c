"""The queues in which claims wait for a worker: one for each pool, tenant and host."""

from enum import IntEnum
from typing import NamedTuple


class Lane(IntEnum):
    """The numbers of vahana.event.v1.Lane."""

    FAST = 1
    SLOW = 2


class Pool(NamedTuple):
    """The workers for one type of task in one lane."""

    type: int
    lane: int


class Queue(NamedTuple):
    """Claims that wait for workers of one pool, of one tenant, for one host."""

    type: int
    lane: int
    tenant: str
    host: str

    @property
    def pool(self) -> Pool:
        """Whose workers take from it."""
        return Pool(self.type, self.lane)

    @property
    def name(self) -> str:
        """What it is called in the database."""
        return f"{self.type}/{self.lane}/{self.tenant}/{self.host}"

    @classmethod
    def named(cls, name: str) -> "Queue":
        """Return the queue of a name."""
        type_, lane, tenant, host = name.split("/", 3)
        return cls(int(type_), int(lane), tenant, host)


class Line(NamedTuple):
    """What a queue holds. `first_us`: when the first in it is due; `due`: how many are now, as far as was counted."""

    queue: Queue
    first_us: int
    due: int
