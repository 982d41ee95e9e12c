"""JOB_SUBMISSION: hands the job to the job manager, once in effect."""

from collections.abc import Iterable
from dataclasses import replace

from services.chassis.failpoints import failpoint
from services.executor.batch.api import JobRequest
from services.executor.domain import places
from services.executor.domain.jobs import Job, Seen, Sighting
from services.executor.domain.outcomes import Done
from services.executor.domain.places import ProcessPlace
from services.executor.domain.troubles import Condition, Failure
from services.executor.tasks.context import TaskContext
from vahana.event.v1 import event_pb2, task_pb2

_LONGEST_MS = 10 * 365 * 24 * 3600 * 1000
"""Ten years, which every shell can count."""


def job_submission(context: TaskContext) -> Done:
    """Submit, or adopt what was submitted before; that the job has ended already is monitoring's to tell."""
    spec = context.dispatch.spec.job_submission
    request = submission_request(context.place, context.dispatch, spec)
    failpoint("job.submitting")
    sighting = context.jobs.submit(context.channel, request, context.suffix)
    failpoint("job.submitted")
    job = submitted(context, sighting)
    return Done(job=job, facts={"host": context.host, "job_id": job.job_id})


def submission_request(
    place: ProcessPlace, dispatch: event_pb2.TaskDispatched, spec: task_pb2.JobSubmission
) -> JobRequest:
    """Return the request for the job of a submission task's attempt; Failure where there is no program."""
    request = job_request(place, dispatch, [spec.command], spec.module_loads, spec.environment)
    wall_time = min(max(0, spec.resources.wall_time.ToMilliseconds()), _LONGEST_MS)
    return replace(request, rerun_safe=spec.rerun_safe, wall_time_ms=wall_time)


def job_request(
    place: ProcessPlace,
    dispatch: event_pb2.TaskDispatched,
    commands: Iterable[task_pb2.Command],
    modules: Iterable[str],
    environment: Iterable[task_pb2.EnvironmentVariable],
) -> JobRequest:
    """Return the request for an attempt's job."""
    words = tuple(tuple(command.arguments) for command in commands)
    if not words or not all(words):
        raise Failure(Condition.UNKNOWN, "there is no program to run")
    return JobRequest(
        base=place.path,
        directory=places.job_directory(dispatch.task_id, dispatch.attempt),
        name=places.job_name(dispatch.process_id, dispatch.task_id, dispatch.attempt),
        commands=words,
        modules=tuple(modules),
        environment=tuple((each.name, each.value) for each in environment),
        earlier=tuple(places.job_directory(dispatch.task_id, before) for before in range(1, dispatch.attempt)),
    )


def submitted(context: TaskContext, sighting: Sighting) -> Job:
    """Return the job that now stands for this attempt: its own, or that of an attempt before it."""
    if sighting.seen is Seen.TOMBSTONE:
        raise Failure(Condition.UNKNOWN, f"attempt {context.dispatch.attempt} was closed by a later one")
    return Job(sighting.name, sighting.directory, sighting.job_id, context.now_us())
