"""How soon another scheduler has resumed all processes of one that was killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.figures import Figure, Goal
from bench.flow.compared import broker, postgres
from bench.flow.whole import Place, Plans, WholeFlow, whole_flow
from services.chassis.bus.api import Consumer, Message
from services.chassis.bus.topics import STATUS, TASK_TOPICS
from vahana.event.v1 import event_pb2, state_pb2
from vahana_client.mesh.health import serving
from vahana_client.mesh.ports import choose_ports

PROCESSES = 1000
GOAL_SECONDS = 10.0
_PATIENCE_SECONDS = 120.0
_AT_ONCE = 100
"""Launches: one caller may not have many more calls under way."""
_TOPIC = TASK_TOPICS[state_pb2.TASK_TYPE_ENV_SETUP]


def taken_over(directory: Path, processes: int = PROCESSES) -> Iterator[Figure]:
    """Two schedulers on PostgreSQL; the executor is played, so that all processes are live when one is killed."""
    directory.mkdir(exist_ok=True)
    with broker(directory) as (kafka, pid), postgres() as urls:
        place = Place(directory / "home", kafka, pid, "takeover.", urls)
        with whole_flow(place, _two_schedulers) as flow:
            dispatches = flow.bus.consumer("vahana.bench.dispatches", [_TOPIC])
            first = _launch(flow, dispatches, processes)
            os.kill(flow.processes["scheduler"], signal.SIGKILL)
            killed = time.monotonic()
            _complete(flow, first)
            _dispatched(dispatches, "step-2", processes)
            seconds = time.monotonic() - killed
            dispatches.close()
    yield Figure("scheduler_takeover_seconds", seconds, "s", Goal(GOAL_SECONDS))


def _two_schedulers(plans: Plans) -> Plans:
    (scheduler,) = [plan for plan in plans if plan.name == "scheduler"]
    address = f"127.0.0.1:{choose_ports({}, {}, free=True)['scheduler']}"
    second = replace(
        scheduler,
        name="scheduler-2",
        environment={**scheduler.environment, "VAHANA_LISTEN": address},
        address=address,
        log=scheduler.log.with_name("scheduler-2.log"),
        answers=lambda: serving(address),
    )
    return [*(plan for plan in plans if plan.name != "executor"), second]


def _launch(flow: WholeFlow, dispatches: Consumer, processes: int) -> Sequence[event_pb2.Envelope]:
    """Launch processes and return the dispatches of their first tasks."""
    names = flow.create(processes)
    for start in range(0, processes, _AT_ONCE):
        for name in names[start : start + _AT_ONCE]:
            flow.launch(name)
        flow.launched()
    return _dispatched(dispatches, "step-1", processes)


def _dispatched(dispatches: Consumer, task_id: str, count: int) -> list[event_pb2.Envelope]:
    """Wait until the task was dispatched in so many processes."""
    found: dict[str, event_pb2.Envelope] = {}
    until = time.monotonic() + _PATIENCE_SECONDS
    while len(found) < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{task_id} was dispatched in {len(found)} of {count} processes")
        for received in dispatches.poll(0.5, 1000):
            envelope = event_pb2.Envelope.FromString(received.value)
            if envelope.task_dispatched.task_id == task_id:
                found[envelope.aggregate_id] = envelope
    return list(found.values())


def _complete(flow: WholeFlow, dispatched: Sequence[event_pb2.Envelope]) -> None:
    """Play the executor: what was dispatched is done."""
    producer = flow.bus.producer()
    producer.publish([_report(each) for each in dispatched])
    producer.close()


def _report(envelope: event_pb2.Envelope) -> Message:
    task = envelope.task_dispatched
    change = event_pb2.StatusChanged(
        experiment_id=task.experiment_id,
        process_id=task.process_id,
        task_id=task.task_id,
        attempt=task.attempt,
        seq=1,
        source="executor",
        task_state=state_pb2.TASK_STATE_COMPLETED,
        task_type=task.type,
    )
    report = event_pb2.Envelope(
        id=f"executor/{task.process_id}/{task.task_id}/1/1",
        tenant=envelope.tenant,
        aggregate_id=task.process_id,
        source="executor",
        status_changed=change,
    )
    return Message(STATUS.name, task.process_id, report.SerializeToString())
