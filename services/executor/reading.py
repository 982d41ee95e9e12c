"""What a message has to be before anything is done about it. All raise ValueError that names field and fault."""

from services.chassis.bounds import (
    LARGEST_INTEGER,
    check_duration,
    check_label,
    check_name,
    check_number,
    check_time,
)
from services.chassis.bus.topics import TASK_TOPICS
from vahana.event.v1 import event_pb2

LONGEST_ID, LONGEST_TASK_ID, LONGEST_RESOURCE, LONGEST_ADDRESS = 100, 200, 200, 253
"""What the columns hold, the longest address with a port behind it."""


def check_dispatch(envelope: event_pb2.Envelope) -> None:
    """Refuse what is no dispatch of an attempt at a task of a known type."""
    dispatch = envelope.task_dispatched
    if envelope.WhichOneof("payload") != "task_dispatched":
        raise ValueError(f"not a dispatch of a task: {envelope.WhichOneof('payload')}")
    _check_attempt("not a dispatch of a task", envelope.tenant, dispatch)
    check_label("target.compute_resource", dispatch.target.compute_resource, LONGEST_RESOURCE)
    check_label("target.address", dispatch.target.address, LONGEST_ADDRESS)
    check_number("target.port", dispatch.target.port, 0, 2**16 - 1)
    check_duration("retry.blocked_budget", dispatch.retry.blocked_budget)
    check_duration("spec.pre_job_command.timeout", dispatch.spec.pre_job_command.timeout)
    check_duration("spec.post_job_command.timeout", dispatch.spec.post_job_command.timeout)
    for task_id, job in dispatch.jobs.items():
        check_time(f"jobs[{task_id[:LONGEST_TASK_ID]!r}].submitted_at", job.submitted_at)


def check_cancel(envelope: event_pb2.Envelope) -> None:
    """Refuse what is no cancel of an attempt at a task of a known type."""
    if envelope.WhichOneof("payload") != "task_canceled":
        raise ValueError(f"not the cancel of a task: {envelope.WhichOneof('payload')}")
    _check_attempt("not the cancel of a task", envelope.tenant, envelope.task_canceled)


def check_history(envelope: event_pb2.Envelope) -> None:
    """Refuse what is not about the history of a process."""
    process_id = envelope.history_settled.process_id or envelope.history_wanted.process_id
    if not (envelope.tenant and process_id):
        raise ValueError(f"not about a history: {envelope.WhichOneof('payload')}")
    check_name("process_id", process_id, LONGEST_ID)


def _check_attempt(fault: str, tenant: str, message: event_pb2.TaskDispatched | event_pb2.TaskCanceled) -> None:
    # A tenant, whose name stands in that of a queue, has no slash.
    if not tenant or "/" in tenant:
        raise ValueError(f"{fault}: the tenant is {tenant!r}")
    try:
        check_name("process_id", message.process_id, LONGEST_ID)
        check_name("task_id", message.task_id, LONGEST_TASK_ID)
        check_number("attempt", message.attempt, 1, LARGEST_INTEGER)
        check_label("experiment_id", message.experiment_id, LONGEST_ID)
    except ValueError as error:
        raise ValueError(f"{fault}: {error}") from error
    if message.type not in TASK_TOPICS:
        raise ValueError(f"{fault}: there is no task type {message.type}")
