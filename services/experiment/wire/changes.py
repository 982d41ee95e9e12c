"""Status changes of the mesh, from their messages."""

from __future__ import annotations

from services.chassis.bounds import storable
from services.chassis.clock import from_timestamp
from services.experiment.domain.completeness import SCHEDULER, Told
from services.experiment.domain.projection import ProcessReport, TaskReport
from services.experiment.domain.records import Output
from services.experiment.domain.transitions import ProcessState, TaskState
from vahana.event.v1 import event_pb2, state_pb2

_PROCESS_STATES = frozenset(map(int, ProcessState))
_TASK_STATES = frozenset(map(int, TaskState))


def process_report(message: event_pb2.StatusChanged) -> ProcessReport | None:
    """What a message says of a process; None where it names no state this service knows."""
    if message.process_state not in _PROCESS_STATES:
        return None
    return ProcessReport(
        state=ProcessState(message.process_state),
        seq=message.seq,
        phase=message.phase,
        reason=storable(message.reason),
        condition_code=message.condition_code,
    )


def task_report(message: event_pb2.StatusChanged, tenant: str) -> TaskReport | None:
    """What a message says of a task; None where it names no state this service knows."""
    if message.task_state not in _TASK_STATES:
        return None
    return TaskReport(
        state=TaskState(message.task_state),
        attempt=message.attempt,
        seq=message.seq,
        time=from_timestamp(message.time),
        given_up=message.source == SCHEDULER,
        reason=storable(message.reason),
        condition_code=message.condition_code,
        job=message.job.SerializeToString() if message.HasField("job") else b"",
        output=_output(message, tenant),
    )


def told(content: bytes) -> Told:
    """A recorded change, as far as the completeness of a history goes."""
    message = event_pb2.StatusChanged.FromString(content)
    return Told(
        message.source,
        message.task_id,
        message.attempt,
        message.seq,
        message.process_state,
        message.task_state,
    )


def _output(message: event_pb2.StatusChanged, tenant: str) -> Output | None:
    done = message.task_state == state_pb2.TASK_STATE_COMPLETED
    if not done or message.task_type != state_pb2.TASK_TYPE_DATA_STAGING_OUT or not message.HasField("file"):
        return None
    file = message.file
    return Output(tenant, message.process_id, file.name, file.file_name, file.sha256, file.size)
