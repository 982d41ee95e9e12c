"""Jobs as they are seen on a host, and what a sighting means for the task that watches."""

import signal
from dataclasses import dataclass, replace
from enum import StrEnum

from services.executor.domain.troubles import Condition, Failure, Waiting

TAIL_LINES, TAIL_BYTES = 20, 2048
_SIGNALED = 128
"""A shell reports a program ended by signal n as 128 + n."""


class JobState(StrEnum):
    """The names of vahana.event.v1.JobState this executor gives."""

    SUBMITTED = "SUBMITTED"
    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job. `directory` is relative to the process's; `submitted_us` by the mesh's clock."""

    name: str
    directory: str
    job_id: str = ""
    submitted_us: int = 0
    state: JobState = JobState.SUBMITTED
    exit_code: int | None = None
    signal: int | None = None


class Seen(StrEnum):
    """What the files of a job say, receipt first."""

    ABSENT = "absent"
    """No fence was ever taken."""
    TOMBSTONE = "tombstone"
    """The fence was taken so that no job ever passes it."""
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    """A job took the fence, left no receipt, and its process is gone."""
    CANCELED = "canceled"
    """It ran when it was told to end, did not end well after that, and all of it is gone."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One job at one moment. `missing_program`: the receipt says that the executable was not there; `timed_out`: that
    the job was ended at its limit. `elsewhere`: the node it runs on, where that is another one than was asked.
    """

    seen: Seen
    directory: str
    name: str = ""
    job_id: str = ""
    exit_code: int | None = None
    missing_program: bool = False
    timed_out: bool = False
    elsewhere: str = ""
    stderr_tail: str = ""


def tail(text: str) -> str:
    """Return the last lines of what a program wrote to stderr: at most 20 of them, and 2 KB."""
    kept = text.encode()[-TAIL_BYTES:].decode(errors="replace")
    lines = kept.replace("\0", "\N{REPLACEMENT CHARACTER}").splitlines()
    return "\n".join(lines[-TAIL_LINES:]).strip("\n")


def judge(job: Job, sighting: Sighting, *, what: str, host: str, program: str = "") -> Job | None:
    """Return the job as it ended well, or None while it runs. Failure where it ended badly, Waiting where its place
    cannot be seen. `what` begins the sentence, e.g. "the job"; `program` is the one it ran, if that is
    known here.
    """
    if sighting.seen is Seen.RUNNING:
        return None
    if sighting.seen is Seen.CANCELED:
        canceled = replace(job, state=JobState.CANCELED)
        raise Failure(Condition.CANCELED_BY_USER, f"{what} was canceled on {host}", job=canceled)
    if sighting.seen is Seen.ABSENT:
        raise Waiting(
            Condition.UNKNOWN,
            f"{what} has no files in {job.directory} on {host}; is the scratch file system mounted there?",
        )
    if sighting.seen is Seen.TOMBSTONE:
        raise Failure(Condition.JOB_LOST, f"{what} was given up on {host}: a later attempt closed it")
    if sighting.seen is Seen.LOST:
        lost = replace(job, state=JobState.LOST)
        reason = f"{what} (process group {job.job_id}) vanished from {host} without leaving a receipt"
        raise Failure(Condition.JOB_LOST, f"{reason}; was the host restarted?", job=lost)
    return _ended(job, sighting, what=what, host=host, program=program)


def _ended(job: Job, sighting: Sighting, *, what: str, host: str, program: str) -> Job:
    code = sighting.exit_code if sighting.exit_code is not None else 0
    if code == 0 and not sighting.missing_program and not sighting.timed_out:
        return replace(job, state=JobState.COMPLETE, exit_code=0)
    said = tail(sighting.stderr_tail)
    failed = replace(job, state=JobState.FAILED, exit_code=code)
    facts = {"host": host, "stderr_tail": said}
    if sighting.missing_program:
        reason = f"the executable {program or f'of {what}'} was not found on {host}"
        raise Failure(Condition.EXECUTABLE_NOT_FOUND, _with(reason, said), job=failed, facts=facts)
    if sighting.timed_out:
        reason = f"{what} was still running on {host} at the end of its wall time and was ended"
        raise Failure(Condition.TIMEOUT, _with(reason, said), job=failed, facts=facts)
    name = _signal_name(code - _SIGNALED)
    if name:
        killed = replace(failed, exit_code=None, signal=code - _SIGNALED)
        reason = f"{what} was ended by signal {code - _SIGNALED} ({name}) on {host}"
        raise Failure(Condition.KILLED_BY_SIGNAL, _with(reason, said), job=killed, facts=facts)
    reason = f"{what} ended with exit code {code} on {host}"
    raise Failure(Condition.NONZERO_EXIT, _with(reason, said), job=failed, facts=facts | {"exit_code": str(code)})


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _with(reason: str, said: str) -> str:
    return f"{reason}; its stderr ends with:\n{said}" if said else f"{reason}; it wrote nothing to stderr"
