"""What a poller sees: the jobs of an account's claims, and what each sighting means for its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.chassis.errors import Unavailable
from services.chassis.failpoints import failpoint
from services.executor import wire
from services.executor.batch.api import WatchedJob
from services.executor.domain import places
from services.executor.domain.cancels import (
    JOB_SUBMISSION,
    LEAVES_JOBS,
    MONITORING,
    ended_as_asked,
    unreachable_there,
    weightiest,
)
from services.executor.domain.claims import Claim
from services.executor.domain.jobs import Job, Seen, Sighting, judge
from services.executor.domain.outcomes import Canceled, Done
from services.executor.domain.troubles import Condition, Failure, Trouble
from services.executor.runner import World, manager, unavailable
from services.executor.tasks.commands import programs, what
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

Verdict = Done | Canceled | Trouble | None
"""None: the job runs."""
Look = Callable[[Sequence[Claim], int], list[Verdict]]
"""Looks at the jobs of claims of one account, at a time; raises the trouble that concerns all of them."""


class JobLook:
    """Looks through the channels of a World."""

    def __init__(self, world: World) -> None:
        """Share it with the workers."""
        self._world = world

    def __call__(self, claims: Sequence[Claim], now_us: int) -> list[Verdict]:
        """See Look. One command on the host for all of them."""
        watched = [_Watched(claim, now_us) for claim in claims]
        seen = [each for each in watched if each.failure is None]
        sightings = iter(self._sightings(seen) if seen else [])
        failpoint("job.seen")
        for each in seen:
            each.sighting = weightiest([next(sightings) for _ in each.jobs_to_see])
        return [each.verdict() for each in watched]

    def _sightings(self, watched: Sequence[_Watched]) -> list[Sighting]:
        first = watched[0]
        site = wire.site_of(first.claim.tenant, first.dispatch.target)
        channel = self._world.channels.channel(site, first.claim.process_id)
        jobs = manager(self._world.managers, first.dispatch.target)
        try:
            return jobs.look(channel, [job for each in watched for job in each.jobs_to_see])
        except Unavailable as error:
            raise unavailable(error) from error


class _Watched:
    """One claim and its job."""

    def __init__(self, claim: Claim, now_us: int) -> None:
        self.claim = claim
        self.dispatch = event_pb2.TaskDispatched.FromString(claim.dispatch)
        self.sighting: Sighting | None = None
        self.failure: Failure | None = None
        self._overdue = 0 < claim.deadline_us <= now_us and not claim.cancel
        self._host, self._now = claim.host, now_us
        try:
            self.job, self.jobs_to_see = self._known()
        except Failure as failure:
            self.failure = failure

    def _known(self) -> tuple[Job, list[WatchedJob]]:
        dispatch = self.dispatch
        job = wire.job_of(task_pb2.Job.FromString(self.claim.job))
        if not job.directory:
            raise Failure(Condition.UNKNOWN, "no job of this process is known that could be watched")
        place = places.process_place(dispatch.target.scratch, dispatch.experiment_id, dispatch.process_id)
        directories = [places.known_job_directory(job.directory)]
        if self.claim.cancel and self.claim.type in LEAVES_JOBS:
            attempts = range(1, self.claim.attempt)
            directories += [places.job_directory(places.well_formed(self.claim.task_id), each) for each in attempts]
        how = {"stop": self._overdue, "cancel": self.claim.cancel, "began": self.claim.type == MONITORING}
        return job, [WatchedJob(place.path, each, **how) for each in directories]

    def verdict(self) -> Verdict:
        if self.failure is not None or self.sighting is None:
            return self.failure
        if self.claim.cancel:
            return self._canceled(self.sighting)
        return self._judged(self.sighting)

    def _canceled(self, sighting: Sighting) -> Verdict:
        """How far the cancel is: the job's end as asked, or its real one where that came first."""
        host = self._host
        if sighting.seen is Seen.ENDED and self.claim.type == JOB_SUBMISSION:
            # It was handed over, and its end is its monitoring's to tell.
            job = Job(sighting.name, sighting.directory, sighting.job_id, self._now)
            return Done(job=job, facts={"host": host, "job_id": job.job_id})
        canceled = ended_as_asked(self.job, sighting, host)
        return canceled or unreachable_there(sighting, what=self._what(), host=host) or self._judged(sighting)

    def _judged(self, sighting: Sighting) -> Verdict:
        try:
            ended = judge(self.job, sighting, what=self._what(), host=self._host, program=self._program())
        except Trouble as trouble:
            return self._timed_out() if self._overdue and sighting.seen is not Seen.ABSENT else trouble
        if ended is not None:
            return Done(job=ended, facts={"host": self._host})
        return self._timed_out() if self._overdue else None

    def _timed_out(self) -> Failure:
        spec = self._commands()
        seconds = spec.timeout.ToSeconds() if spec is not None else 0
        reason = f"{self._what()} was still running on {self._host} after its {seconds} s and was ended"
        return Failure(Condition.TIMEOUT, reason, job=self.job)

    def _commands(self) -> task_pb2.CommandSet | None:
        match self.claim.type:
            case state_pb2.TASK_TYPE_PRE_JOB_COMMAND:
                return self.dispatch.spec.pre_job_command
            case state_pb2.TASK_TYPE_POST_JOB_COMMAND:
                return self.dispatch.spec.post_job_command
        return None

    def _what(self) -> str:
        return "the job" if self._commands() is None else what(self.claim.task_id)

    def _program(self) -> str:
        commands = self._commands()
        return "" if commands is None else programs(commands)
