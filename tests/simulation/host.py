"""A host that runs jobs behind fences, as the scripts of the executor do on a real one, and is not always there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from services.executor import scripts
from services.executor.batch.api import JobRequest, WatchedJob
from services.executor.channels.api import Result, Site
from services.executor.domain.jobs import Seen, Sighting
from services.executor.domain.troubles import Condition, Failure, Waiting, of_command
from tests.checker.record import PayloadRun
from tests.simulation.kernel import SECOND, Instance, Kernel

TOMBSTONE = "tombstone"
T = TypeVar("T")


@dataclass
class Job:
    """The files of one attempt's job: the fence, the receipt, and whether it was told to end."""

    owner: str = ""
    receipt: int | None = None
    told_to_end: bool = False
    alive: bool = False

    def seen(self) -> Seen:
        """What the files say, in the order in which they are believed."""
        if not self.owner:
            return Seen.ABSENT
        if self.owner == TOMBSTONE:
            return Seen.TOMBSTONE
        if self.alive:
            return Seen.RUNNING
        if self.told_to_end and self.receipt != 0:
            return Seen.CANCELED
        return Seen.LOST if self.receipt is None else Seen.ENDED


@dataclass
class Host:
    """Directories of processes, their files and jobs, and all payloads that ever began here."""

    kernel: Kernel
    name: str
    directories: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    jobs: dict[str, Job] = field(default_factory=dict)
    runs: list[PayloadRun] = field(default_factory=list)
    away_until_us: int = 0
    mute_until_us: int = 0
    """Until then whatever is asked of it is answered with silence."""
    uninvited: list[str] = field(default_factory=list)
    """Attempts that were begun here by an executor that knew better."""

    def __post_init__(self) -> None:
        self._instance = Instance(self.name, lambda _: None, outside=True)

    def operate(self, what: str, effect: Callable[[], T], patience: float = 30.0) -> T:
        """Do something here over a connection that may break before or after. Where the host has fallen silent, whoever
        asks waits for so many seconds at most.
        """
        kernel = self.kernel
        troubles = ("unreachable", "silent", "answer lost", "disk full", "odd failure", "sent twice")
        trouble = kernel.boundary(f"{self.name}: {what}", *troubles)
        if trouble == "unreachable":
            self.away_until_us = kernel.now_us + kernel.dice.randrange(kernel.dice.choice((10, 30)) * SECOND)
        if trouble == "silent":
            self.mute_until_us = kernel.now_us + kernel.dice.randrange(30 * SECOND)
        silent = self.mute_until_us - kernel.now_us
        if silent > 0:
            kernel.sleep(min(silent / SECOND, patience))
        if silent > 0 or kernel.now_us < self.away_until_us:
            raise Waiting(Condition.HOST_UNREACHABLE, f"{self.name} does not answer")
        if trouble == "disk full":
            raise Waiting(Condition.DISK_FULL, f"no space left on {self.name}")
        if trouble == "sent twice":
            effect()
        result = effect()
        if trouble == "odd failure":
            raise of_command(f"{what} on {self.name}", 1, "something odd")
        if trouble == "answer lost":
            raise Waiting(Condition.HOST_UNREACHABLE, f"the connection to {self.name} broke")
        kernel.boundary(f"{self.name}: {what} done")
        return result

    def pass_fence(self, job: Job, session: str) -> bool:
        """The first line of a job's script: of all that are started one gets past it."""
        if job.owner:
            return False
        job.owner = session
        return True

    def bar(self, path: str) -> Job:
        """Take a fence that is free, so that nothing ever begins behind it."""
        job = self.jobs.setdefault(path, Job())
        job.owner = job.owner or TOMBSTONE
        return job

    def remove(self, base: str) -> None:
        """Remove the directory of a process; what still runs there runs on, and its files are nobody's."""
        self.directories.discard(base)
        self.files = {path for path in self.files if not path.startswith(base)}
        self.jobs = {path: job for path, job in self.jobs.items() if not path.startswith(base)}

    def start_session(self, request: JobRequest, after: float) -> None:
        """Start a job's script. The payload's words are its exit code and how long it takes, in milliseconds."""
        path = f"{request.base}/{request.directory}"
        _, code, lasts = request.commands[-1]
        task_id, _, attempt = request.directory.removeprefix("jobs/").rpartition(".a")
        run = PayloadRun(request.base.rpartition("/")[2], task_id, int(attempt))

        def begin() -> None:
            job = self.jobs.get(path)
            if job is None or not self.pass_fence(job, request.name):
                return
            self.runs.append(run)
            self.kernel.note(f"{self.name}: payload of {request.name} begins")
            job.alive = True
            self.kernel.spawn(self._instance, "payload", lambda: self._end(job, int(code)), int(lasts) / 1000)

        self.kernel.spawn(self._instance, "session", begin, after)

    def _end(self, job: Job, code: int) -> None:
        if job.alive:
            job.alive, job.receipt = False, code


class Jobs:
    """The job manager of all hosts; see batch.api.JobManager."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = {host.name: host for host in hosts}

    def submit(self, channel: "Channel", request: JobRequest, suffix: str) -> Sighting:
        """Hand a job over; level-triggered, as submit.sh is."""
        host = self._hosts[channel.site.address]
        return host.operate(f"submit {request.name} {suffix}", lambda: _submit(host, request))

    def look(self, channel: "Channel", jobs: Sequence[WatchedJob]) -> list[Sighting]:
        """Look at jobs, and end those that are to end; as watch.sh does."""
        host = self._hosts[channel.site.address]
        return host.operate(f"look at {len(jobs)} jobs", lambda: [_look(host, each) for each in jobs])


def _submit(host: Host, request: JobRequest) -> Sighting:
    if request.base not in host.directories:
        raise of_command("handing the job over", 1, f"cd: {request.base}")
    for directory in request.earlier:
        job = host.bar(f"{request.base}/{directory}")
        if job.seen() is not Seen.TOMBSTONE and not (job.seen() is Seen.LOST and request.rerun_safe):
            return _sighting(job, directory)
    job = host.jobs.setdefault(f"{request.base}/{request.directory}", Job())
    if not job.owner:
        late = host.kernel.dice.random() < 0.2
        host.start_session(request, host.kernel.dice.random() * 8 if late else 0.0)
        host.kernel.sleep(0.1)
        if not job.owner:
            raise Failure(Condition.UNKNOWN, "the job did not start in time", retryable=True)
    return _sighting(job, request.directory)


def _look(host: Host, watched: WatchedJob) -> Sighting:
    path = f"{watched.base}/{watched.directory}"
    if watched.base not in host.directories:
        return _sighting(Job(), watched.directory)
    if watched.cancel and not watched.began:
        host.bar(path)
    job = host.jobs.get(path, Job())
    if job.alive and (watched.cancel or watched.stop):
        if job.told_to_end:
            job.alive = False
        job.told_to_end = True
    return _sighting(job, watched.directory)


def _sighting(job: Job, directory: str) -> Sighting:
    held = job.owner and job.owner != TOMBSTONE
    name, number = (job.owner, "4711") if held else ("", "")
    return Sighting(job.seen(), directory, name, number, exit_code=job.receipt)


class Channel:
    """Runs the executor's scripts on a host; see channels.api.Channel."""

    def __init__(self, site: Site, host: Host) -> None:
        self.site, self.host = site, host

    def run(self, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", seconds: float = 60.0) -> Result:
        """Set a process's directory up, or remove it."""
        base, effects = "/".join(arguments[:3]), {_SETUP: self.host.directories.add, _CLEANUP: self.host.remove}
        self.host.operate("set up" if script == _SETUP else "clean up", lambda: effects[script](base))
        return Result(0, b"", b"")

    @contextmanager
    def open(self, script: str, arguments: Sequence[str] = (), **_: object) -> "Iterator[Stream]":
        """Stage a file in or out."""
        base, path = arguments[:2]
        if script == _STAGE_IN:
            yield self.host.operate(f"stage in {path}", lambda: Stream(self._stored(base, path)))
        else:
            yield self.host.operate(f"stage out {path}", lambda: Stream(["missing"]))

    def _stored(self, base: str, path: str) -> list[str]:
        if base not in self.host.directories:
            raise of_command("staging in", 1, f"cd: {base}")
        if f"{base}/{path}" in self.host.files:
            return ["have"]
        self.host.files.add(f"{base}/{path}")
        return ["need", "stored"]


class Stream:
    """What a script says, line by line; see channels.api.Stream."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def read_line(self) -> str:
        """See channels.api."""
        return self._lines.pop(0) if self._lines else ""

    def write(self, data: bytes) -> None:
        """See channels.api."""

    def end_input(self) -> None:
        """See channels.api."""

    def finish(self) -> Result:
        """See channels.api."""
        return Result(0, b"", b"")

    def abort(self) -> None:
        """See channels.api."""


class Files:
    """The mesh's store; see tasks.context.FileStore."""

    def read(self, _tenant: str, _sha256: str) -> Iterator[bytes]:
        """See tasks.context."""
        yield b"reads"


class Channels:
    """See channels.api.Channels."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = {host.name: host for host in hosts}

    def channel(self, site: Site, process_id: str) -> Channel:
        """See channels.api."""
        return Channel(site, self._hosts[site.address])


_SETUP, _CLEANUP = scripts.remote("env_setup"), scripts.remote("cleanup")
_STAGE_IN = scripts.remote("stage_in")
