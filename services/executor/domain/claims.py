"""A claim: one attempt of one task, as the executors' database keeps it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from services.executor.domain.queues import Queue
from services.executor.domain.troubles import Condition


class ClaimState(IntEnum):
    """The numbers of vahana.executor.v1.ClaimState."""

    ACCEPTED = 1
    CLAIMED = 2
    WATCHED = 3
    ENDED = 4


class Key(NamedTuple):
    """What a dispatch is known by. The tenant belongs to it: nobody here knows whose a process is, and what comes in
    another's name must not stand in the way of what its own tenant sends.
    """

    process_id: str
    task_id: str
    attempt: int
    tenant: str

    @property
    def ref(self) -> str:
        """Its name in the outbox and in the ids of its events, which are read with the tenant they are of."""
        return f"{self.process_id}/{self.task_id}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class Claim:
    """One row. Times are microseconds on the database's clock."""

    tenant: str
    experiment_id: str
    process_id: str
    task_id: str
    attempt: int
    type: int
    lane: int
    """A Lane. Like the lease it may be written by whoever holds the claim, without a new version."""
    compute_resource: str
    host: str
    """`address:port`."""
    account: str
    """Host, tenant, login and credential: what one poller looks after."""
    dispatch: bytes
    """The TaskDispatched as it came."""
    state: int
    epoch: int
    """Raised by every claiming."""
    version: int
    """Raised by every write but that of the lease's renewal, of the lane, and of the wish that it be ended."""
    holder: str
    lease_until_us: int
    takeovers: int
    """Holders that died since the claim last got on."""
    seq: int
    """Events told so far."""
    blocked: bool
    blocked_since_us: int
    """When this attempt first came to wait for something outside; 0 for never."""
    tries: int
    """Tries in a row that ended in waiting."""
    next_try_us: int
    condition: str
    reason: str
    job: bytes
    """The vahana.event.v1.Job as last seen; empty for none."""
    deadline_us: int
    """When a watched set of commands is over its time; 0 for never."""
    created_us: int
    ended_us: int
    cancel: bool = False
    """Whether it is to be ended: whoever holds it, or comes to hold it, does that."""
    cancel_reason: str = ""
    barred: bool = False
    """Whether it was told that nobody begins at its host now; `next_try_us` is the end of its budget then."""

    @property
    def key(self) -> Key:
        """Its primary key."""
        return Key(self.process_id, self.task_id, self.attempt, self.tenant)

    @property
    def queue(self) -> Queue:
        """Where it waits for a worker."""
        return Queue(self.type, self.lane, self.tenant, self.host)

    @property
    def dispatched(self) -> bool:
        """Whether its dispatch has come; otherwise it is there because a cancel came first."""
        return bool(self.dispatch)

    @property
    def waits_for(self) -> Condition:
        """The condition it was last blocked by."""
        return Condition(self.condition or Condition.UNSPECIFIED)
