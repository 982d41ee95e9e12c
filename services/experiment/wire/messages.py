"""What the scheduler and the executors are told, as messages of the bus."""

from __future__ import annotations

from services.chassis.clock import to_timestamp
from services.chassis.ids import new_id
from services.experiment.domain.records import Process
from vahana.event.v1 import event_pb2 as pb


def launched(process: Process, plan_sha256: str, task_count: int) -> pb.Envelope:
    """A process was planned; `plan_sha256` and `task_count` are those of its plan."""
    content = pb.ProcessLaunched(
        experiment_id=process.experiment_id,
        process_id=process.process_id,
        plan_sha256=plan_sha256,
        task_count=task_count,
    )
    envelope = _envelope(process, process.update_time)
    envelope.process_launched.CopyFrom(content)
    return envelope


def intended(process: Process, caller: str, comment: str) -> pb.Envelope:
    """Something else is wanted of a process, by `caller`, who said `comment` of it."""
    content = pb.ProcessIntended(
        experiment_id=process.experiment_id,
        process_id=process.process_id,
        intent=process.intent.value,  # type: ignore[arg-type]
        seq=process.intent_seq,
        caller=caller,
        comment=comment,
    )
    envelope = _envelope(process, process.update_time)
    envelope.process_intended.CopyFrom(content)
    return envelope


def history_settled(process: Process, now: int) -> pb.Envelope:
    """All that happened to a process is recorded, as was found at `now`."""
    content = pb.HistorySettled(experiment_id=process.experiment_id, process_id=process.process_id)
    envelope = _envelope(process, now)
    envelope.history_settled.CopyFrom(content)
    return envelope


def history_wanted(process: Process, now: int) -> pb.Envelope:
    """Some of what happened to a process is missing, as was found at `now`."""
    content = pb.HistoryWanted(experiment_id=process.experiment_id, process_id=process.process_id)
    envelope = _envelope(process, now)
    envelope.history_wanted.CopyFrom(content)
    return envelope


def _envelope(process: Process, time: int) -> pb.Envelope:
    return pb.Envelope(
        id=new_id("msg"),
        tenant=process.tenant,
        aggregate_id=process.process_id,
        source="experiment",
        time=to_timestamp(time),
    )
