"""What tasks ask of a job manager. Implemented by batch.fork."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.executor.channels.api import Channel
from services.executor.domain.jobs import Sighting


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to be run once. `base` is the process's directory; `directory` the job's own, relative to it."""

    base: str
    directory: str
    name: str
    commands: tuple[tuple[str, ...], ...]
    """Run one after another in `{base}/work`; the first failure ends the job."""
    modules: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    rerun_safe: bool = False
    """Whether a lost job may be run again."""
    earlier: tuple[str, ...] = ()
    """Directories of the attempts before this one: no job may start from them any more."""
    linger_ms: int = 0
    """How long to wait for the end of a job that may be short."""
    wall_time_ms: int = 0
    """The longest time it may run; 0 for no limit."""


@dataclass(frozen=True, slots=True)
class WatchedJob:
    """A job to be looked at; `stop`: it is over its time and is to be ended first; `cancel`: it is never to begin or,
    where it has, to be told to end, without waiting for that.
    """

    base: str
    directory: str
    stop: bool = False
    cancel: bool = False
    began: bool = False
    """Whether it is known to have begun: where nothing is found of it, that proves nothing then."""


class JobManager(Protocol):
    """Runs jobs at a site. All raise domain.troubles."""

    def script(self, request: JobRequest) -> str:
        """Return the script the job manager would be given. No host is contacted."""

    def submit(self, channel: Channel, request: JobRequest, suffix: str) -> Sighting:
        """Hand a job over, or find that this was done before, and see it.

        May be repeated, and by several at once: one job runs. Where the job of an earlier attempt holds its fence,
        that one is the job: it is what is seen. `suffix` keeps the files of two submitters apart.
        """

    def look(self, channel: Channel, jobs: Sequence[WatchedJob]) -> list[Sighting]:
        """See many jobs with one command, in their order."""
