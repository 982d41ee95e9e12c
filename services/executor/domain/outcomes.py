"""How a worker's turn at a task ends well. It ends badly by a Trouble."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.executor.domain.jobs import Job


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is now in the mesh's store. `sha256` is lower-case hexadecimal, `size` in bytes."""

    name: str
    file_name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Done:
    """The task is done."""

    job: Job | None = None
    file: StoredFile | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watched:
    """The task goes on by itself on the host and is looked at from time to time. `deadline_us`: 0 for none."""

    job: Job
    deadline_us: int = 0


@dataclass(frozen=True, slots=True)
class Postponed:
    """The task's time has not come; it is tried again after some seconds, without counting as blocked."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """The attempt was ended as asked, and nothing of it runs any more. `job`: where it concerns one, as it ended."""

    job: Job | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


Outcome = Done | Watched | Postponed | Canceled
