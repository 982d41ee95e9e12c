"""What a history costs: the events of steps, from their bytes to the database, through the sink and experiment.

Decoding, the call between the two, the rules of its contract, the projection and the commit are measured; Kafka and
authentication are not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import sqlalchemy as sa

from bench.figures import Figure, Goal, median
from services.chassis.bus.api import Received
from services.chassis.bus.topics import STATUS
from services.chassis.consume import Delivery
from services.chassis.db import Database, Tx
from services.chassis.migrate import upgrade
from services.chassis.outbox import Outbox
from services.chassis.rpc.validation import validate
from services.chassis.wake import Wakeups
from services.eventsink.consumers import Sink
from services.eventsink.peers import History
from services.experiment.domain.records import Experiment, Process, Task, fields
from services.experiment.domain.transitions import ExperimentState, ProcessState, TaskState
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.settling import Settling
from services.experiment.schema import experiment, metadata, process, project, task
from vahana.event.v1 import event_pb2, state_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc

ROUNDS, PROCESSES, STEPS = 20, 10, 7
_TENANT = "default"


def measured(directory: Path) -> Iterator[Figure]:
    """Yield the figure: of batches of 290 events, four a step and the ends of processes, which settle histories."""
    db = _database(directory)
    with _sink(Recording(db, Wakeups(), Settling(db, Outbox(metadata)))) as sink:
        taken = [_cpu_ms_a_step(db, sink, number) for number in range(ROUNDS)]
    with db.read() as tx:
        sums = sa.select(sa.func.sum(process.c.last_position), sa.func.count(process.c.settled_us))
        recorded, settled = tx.execute(sums).one()
    db.close()
    if recorded != (4 * STEPS + 1) * ROUNDS * PROCESSES or settled != ROUNDS * PROCESSES:
        raise RuntimeError(f"{recorded} events were recorded, {settled} histories settled")
    yield Figure("history_cpu_ms_a_step", median(taken), "ms", Goal(0.25))


def _cpu_ms_a_step(db: Database, sink: Sink, number: int) -> float:
    launched = [f"proc-{number:04}-{each:04}" for each in range(PROCESSES)]
    with db.write() as tx:
        for process_id in launched:
            _launch(tx, process_id)
    received = [
        Received(STATUS.name, envelope.aggregate_id, envelope.SerializeToString(), partition=0, offset=offset)
        for offset, envelope in enumerate(_events(launched))
    ]
    before = time.process_time()
    sink.handle([Delivery(event_pb2.Envelope.FromString(each.value), each) for each in received])
    return (time.process_time() - before) * 1000 / (PROCESSES * STEPS)


def _events(launched: Sequence[str]) -> Iterator[event_pb2.Envelope]:
    """All processes go on at once, a step after the other."""
    for step in range(1, STEPS + 1):
        for process_id in launched:
            task_id = f"step-{step}"
            phase = state_pb2.PROCESS_PHASE_CONFIGURING_WORKSPACE
            executing = state_pb2.PROCESS_STATE_EXECUTING
            yield _envelope(process_id, step, "scheduler", process_state=executing, phase=phase)
            told: dict[str, Any] = {"task_id": task_id, "attempt": 1, "task_type": state_pb2.TASK_TYPE_ENV_SETUP}
            yield _envelope(process_id, 1, "scheduler", task_state=state_pb2.TASK_STATE_SCHEDULED, **told)
            yield _envelope(process_id, 1, "executor", task_state=state_pb2.TASK_STATE_EXECUTING, **told)
            yield _envelope(process_id, 2, "executor", task_state=state_pb2.TASK_STATE_COMPLETED, **told)
    for process_id in launched:
        yield _envelope(process_id, STEPS + 1, "scheduler", process_state=state_pb2.PROCESS_STATE_COMPLETED)


def _envelope(process_id: str, seq: int, source: str, **told: Any) -> event_pb2.Envelope:
    changed = event_pb2.StatusChanged(
        experiment_id=f"exp-{process_id}", process_id=process_id, seq=seq, source=source, **told
    )
    changed.time.GetCurrentTime()
    return event_pb2.Envelope(
        id=f"{source}/{process_id}/{changed.task_id}/{changed.attempt}/{seq}",
        tenant=_TENANT,
        aggregate_id=process_id,
        source=source,
        time=changed.time,
        status_changed=changed,
    )


def _launch(tx: Tx, process_id: str) -> None:
    """Store a launched experiment, as far as a history needs it."""
    experiment_id = f"exp-{process_id}"
    standing: dict[str, Any] = {"reason": "", "condition_code": 0, "create_time": 0, "update_time": 0, "revision": 1}
    launched = Experiment(
        experiment_id, "bench", b"", ExperimentState.LAUNCHED, process_id=process_id, owner="bench", **standing
    )
    tx.execute(sa.insert(experiment), {"tenant": _TENANT, **fields(launched)})
    created = Process(
        _TENANT,
        process_id,
        experiment_id,
        ProcessState.CREATED,
        phase=0,
        seq=0,
        last_position=0,
        directory="",
        target=b"",
        **standing,
    )
    tx.execute(sa.insert(process), fields(created))
    steps = [_step(process_id, number) for number in range(1, STEPS + 1)]
    tx.execute(sa.insert(task), [{"tenant": _TENANT, **fields(each)} for each in steps])


def _step(process_id: str, number: int) -> Task:
    return Task(
        process_id,
        f"step-{number}",
        ordinal=number,
        type=state_pb2.TASK_TYPE_ENV_SETUP,
        state=TaskState.CREATED,
        attempt=0,
        seq=0,
        attempt_ended=False,
        max_attempts=3,
        reason="",
        condition_code=0,
        depends_on="",
        job=b"",
        start_time=None,
        end_time=None,
        revision=1,
    )


def _database(directory: Path) -> Database:
    url = f"sqlite:///{directory / 'history.db'}"
    upgrade(url, "services.experiment")
    db = Database(url, metadata)
    folder = {"tenant": _TENANT, "name": "bench", "description": "", "owner": "bench", "create_time": 0, "revision": 1}
    with db.write() as tx:
        tx.execute(sa.insert(project), folder)
    return db


class _Processes(process_pb2_grpc.ProcessServiceServicer):
    """The experiment service, as far as the sink calls it."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def PersistEvents(self, request: process_pb2.PersistEventsRequest, context: Any) -> Any:
        validate(request)
        return self._recording.persist(request)


@contextmanager
def _sink(recording: Recording) -> Iterator[Sink]:
    server = grpc.server(ThreadPoolExecutor(1))
    process_pb2_grpc.add_ProcessServiceServicer_to_server(_Processes(recording), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Sink(History(channel))
    finally:
        server.stop(None).wait()
