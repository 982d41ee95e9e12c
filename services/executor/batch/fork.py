"""FORK: a detached session on the host itself, with a fence against running twice and an exit receipt."""

import hashlib
from collections.abc import Sequence

from services.executor import scripts
from services.executor.batch.api import JobRequest, WatchedJob
from services.executor.batch.script import hundredths, render
from services.executor.channels.api import Channel, Result
from services.executor.domain.jobs import Seen, Sighting
from services.executor.domain.troubles import Condition, Failure, Waiting, of_command

_SECONDS = 60.0
_SECONDS_TO_STOP = 5.0
_JOBS_A_LOOK = 200
"""So that what one command says, 4 KB and a little for a job that failed, is not cut at OUTPUT_LIMIT."""
_TRANSIENT = 75
"""Exit code of our scripts for what the next try may mend."""
_NOT_SET = "-"


class ForkJobs:
    """Implements JobManager where there is no batch scheduler."""

    def __init__(self, grace_seconds: float = 10.0) -> None:
        """`grace_seconds`: from the polite word to a job that is to end to the other one."""
        self._grace = grace_seconds

    def script(self, request: JobRequest) -> str:
        """See JobManager."""
        return render(request, self._grace)

    def submit(self, channel: Channel, request: JobRequest, suffix: str) -> Sighting:
        """See JobManager. One command on the host."""
        script = self.script(request).encode()
        arguments = [
            request.base,
            request.directory,
            hashlib.sha256(script).hexdigest(),
            suffix,
            str(request.linger_ms),
            "1" if request.rerun_safe else "0",
            *request.earlier,
        ]
        seconds = _SECONDS + request.linger_ms / 1000
        result = channel.run(scripts.remote("session", "jobs", "submit"), arguments, stdin=script, seconds=seconds)
        if result.exit_code != 0:
            raise _refused(channel, result)
        sightings = _sightings(result)
        if len(sightings) != 1:
            raise Failure(Condition.UNKNOWN, f"{channel.site} did not tell of the job it was given", retryable=True)
        return sightings[0]

    def look(self, channel: Channel, jobs: Sequence[WatchedJob]) -> list[Sighting]:
        """See JobManager. One command for every 200 jobs."""
        parts = [jobs[start : start + _JOBS_A_LOOK] for start in range(0, len(jobs), _JOBS_A_LOOK)]
        return [sighting for part in parts for sighting in self._look(channel, part)]

    def _look(self, channel: Channel, jobs: Sequence[WatchedJob]) -> list[Sighting]:
        lines = "".join(f"{_mode(job)} {job.base} {job.directory}\n" for job in jobs)
        seconds = _SECONDS + _SECONDS_TO_STOP * sum(job.stop for job in jobs)
        arguments, script = [str(hundredths(self._grace))], scripts.remote("session", "jobs", "watch")
        result = channel.run(script, arguments, stdin=lines.encode(), seconds=seconds)
        sightings = _sightings(result)
        if result.exit_code != 0 or len(sightings) != len(jobs):
            said = " ".join(result.complaint.split())[-500:]
            raise Waiting(Condition.UNKNOWN, f"{channel.site} did not tell of its jobs: {said or 'it said nothing'}")
        return sightings


def _mode(job: WatchedJob) -> str:
    if job.cancel:
        return "end" if job.began else "cancel"
    return "stop" if job.stop else "look"


def _refused(channel: Channel, result: Result) -> Exception:
    trouble = of_command(f"handing the job over to {channel.site}", result.exit_code, result.complaint)
    if isinstance(trouble, Failure) and result.exit_code == _TRANSIENT:
        return Failure(trouble.condition, trouble.reason, retryable=True)
    return trouble


def _sightings(result: Result) -> list[Sighting]:
    return [_sighting(line) for line in result.lines if line.startswith("job ")]


def _sighting(line: str) -> Sighting:
    _, seen, directory, name, job_id, word, code, said = line.split(" ")
    ended, running = seen == Seen.ENDED, seen == Seen.RUNNING
    text = "" if said == _NOT_SET else bytes.fromhex(said).decode(errors="replace")
    return Sighting(
        seen=Seen(seen),
        directory=directory,
        name="" if name == _NOT_SET else name,
        job_id="" if job_id == "0" else job_id,
        exit_code=int(code) if ended or (seen == Seen.CANCELED and word != _NOT_SET) else None,
        missing_program=ended and word == "missing",
        timed_out=ended and word == "timeout",
        elsewhere=text if running else "",
        stderr_tail="" if running else text,
    )
