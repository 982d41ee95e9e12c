"""PRE_JOB_COMMAND and POST_JOB_COMMAND: run like a job, behind a fence of their own and with a receipt.

So they survive the connection and the executor, and a worker that repeats the task finds them running or done.
"""

from dataclasses import replace

from services.executor.domain.jobs import judge
from services.executor.domain.outcomes import Done, Outcome, Watched
from services.executor.tasks.context import TaskContext
from services.executor.tasks.submission import job_request, submitted
from vahana.event.v1 import task_pb2


def pre_job_command(context: TaskContext) -> Outcome:
    """Run the deployment's commands before the job."""
    return _run(context, context.dispatch.spec.pre_job_command)


def post_job_command(context: TaskContext) -> Outcome:
    """Run the deployment's commands after the job."""
    return _run(context, context.dispatch.spec.post_job_command)


def _run(context: TaskContext, spec: task_pb2.CommandSet) -> Outcome:
    request = job_request(context.place, context.dispatch, spec.commands, spec.module_loads, spec.environment)
    request = replace(request, linger_ms=context.linger_ms)
    sighting = context.jobs.submit(context.channel, request, context.suffix)
    job = submitted(context, sighting)
    ended = judge(job, sighting, what=what(context.dispatch.task_id), host=context.host, program=programs(spec))
    if ended is not None:
        return Done(facts={"host": context.host})
    limit = spec.timeout.ToMicroseconds()
    return Watched(job, deadline_us=context.now_us() + limit if limit else 0)


def what(task_id: str) -> str:
    """Return how a sentence about the commands begins."""
    return f"a command of {task_id}"


def programs(spec: task_pb2.CommandSet) -> str:
    """Return the programs the commands run."""
    return ", ".join(dict.fromkeys(command.arguments[0] for command in spec.commands))
