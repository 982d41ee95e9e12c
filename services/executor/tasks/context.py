"""What a task has at hand."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.executor import scripts
from services.executor.batch.api import JobManager
from services.executor.channels.api import Channel, Result
from services.executor.domain import places
from services.executor.domain.places import ProcessPlace
from services.executor.domain.troubles import of_command
from vahana.event.v1 import event_pb2


class FileStore(Protocol):
    """The mesh's store of files; see peers.Files."""

    def read(self, tenant: str, sha256: str) -> Iterator[bytes]:
        """Yield the bytes of a stored file."""

    def write(self, tenant: str, chunks: Iterator[bytes], sha256: str, size: int) -> None:
        """Store a file."""


@dataclass
class TaskContext:
    """One worker's turn at one attempt."""

    tenant: str
    dispatch: event_pb2.TaskDispatched
    epoch: int
    channel: Channel
    files: FileStore
    jobs: JobManager
    others_live: Callable[[], bool]
    """Whether other tasks of the process are being worked on."""
    now_us: Callable[[], int]
    linger_ms: int = 1000
    place: ProcessPlace = field(init=False)

    def __post_init__(self) -> None:
        """Find the process's place; Failure where an id is not well formed."""
        dispatch = self.dispatch
        self.place = places.process_place(dispatch.target.scratch, dispatch.experiment_id, dispatch.process_id)
        places.well_formed(dispatch.task_id)

    @property
    def host(self) -> str:
        """The host, as people know it."""
        return f"{self.channel.site.address}:{self.channel.site.port}"

    @property
    def suffix(self) -> str:
        """What sets the files of this turn apart from those of others."""
        return f"{self.dispatch.attempt}.{self.epoch}"

    def run(self, script: str, arguments: Sequence[str], *, doing: str, seconds: float = 60.0) -> Result:
        """Run one of our scripts; `doing` begins the sentence that tells of its failure."""
        result = self.channel.run(scripts.remote(script), arguments, seconds=seconds)
        self.check(result, doing)
        return result

    def check(self, result: Result, doing: str) -> None:
        """Raise what a script's failure means."""
        if result.exit_code != 0:
            raise of_command(f"{doing} on {self.host} failed", result.exit_code, result.complaint)
