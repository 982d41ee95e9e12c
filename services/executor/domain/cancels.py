"""What a cancel does to a claim, and what its jobs mean then: pure decisions, and the tables they are read from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum

from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.jobs import Job, JobState, Seen, Sighting
from services.executor.domain.outcomes import Canceled
from services.executor.domain.troubles import Condition, Waiting

PRE_JOB_COMMAND, JOB_SUBMISSION, MONITORING, POST_JOB_COMMAND = 3, 4, 5, 6
"""Of vahana.event.v1.TaskType."""
LEAVES_JOBS = frozenset({PRE_JOB_COMMAND, JOB_SUBMISSION, POST_JOB_COMMAND})
"""What they begin on the host goes on without an executor, and may outlive the attempt that began it."""


class Step(Enum):
    """What is done about a cancel now."""

    REPEAT = "repeat"
    """It has ended: its events are sent again."""
    ASK = "ask"
    """Whoever works on it or looks after its job sees the wish, and ends it."""
    CLOSE = "close"
    """Nobody works on it."""
    WAIT = "wait"
    """Its dispatch, which says where to look, has not come."""


ON_CANCEL: Mapping[ClaimState, Step] = {
    ClaimState.ACCEPTED: Step.CLOSE,
    ClaimState.CLAIMED: Step.ASK,
    ClaimState.WATCHED: Step.ASK,
    ClaimState.ENDED: Step.REPEAT,
}


def step(claim: Claim) -> Step:
    """What is done about the cancel of a claim."""
    return ON_CANCEL[ClaimState(claim.state)] if claim.dispatched else Step.WAIT


def needs_dispatch(type_: int, attempt: int) -> bool:
    """Whether the cancel of an attempt never heard of has to wait for its dispatch: something may run on the host that
    others have begun. All else is barred at once, so that a late dispatch does nothing.
    """
    return type_ == MONITORING or (type_ in LEAVES_JOBS and attempt > 1)


def may_run(claim: Claim) -> bool:
    """Whether something of a claim that nobody works on may run on its host."""
    return claim.type == MONITORING or (claim.type in LEAVES_JOBS and (claim.epoch > 0 or claim.attempt > 1))


_TOLD_FIRST = (Seen.RUNNING, Seen.ABSENT, Seen.ENDED, Seen.LOST, Seen.CANCELED, Seen.TOMBSTONE)


def weightiest(sightings: Sequence[Sighting]) -> Sighting:
    """Of the jobs of a task's attempts the one that decides: running, ended, never begun, in this order."""
    return min(sightings, key=lambda sighting: _TOLD_FIRST.index(sighting.seen))


def unreachable_there(sighting: Sighting, *, what: str, host: str) -> Waiting | None:
    """The trouble of a job that cannot be ended from the host that was asked; None where it can."""
    if sighting.seen is not Seen.RUNNING or not sighting.elsewhere:
        return None
    reason = f"{what} runs on {sighting.elsewhere} and cannot be ended from {host}; end its processes there"
    return Waiting(Condition.UNKNOWN, reason)


def ended_as_asked(job: Job, sighting: Sighting, host: str) -> Canceled | None:
    """The end of a job that was canceled, or never began and now never will; None for any other."""
    if sighting.seen is Seen.CANCELED:
        code = sighting.exit_code
        known = replace(job, job_id=job.job_id or sighting.job_id, state=JobState.CANCELED, exit_code=code)
        return Canceled(known, {"host": host})
    if sighting.seen is Seen.TOMBSTONE:
        return Canceled(replace(job, state=JobState.CANCELED), {"host": host})
    return None
