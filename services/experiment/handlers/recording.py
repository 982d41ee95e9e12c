"""Recording what the mesh reports: history, projection and outputs, a batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.chassis import log
from services.chassis.db import Database, Tx, after_commit, now_us
from services.chassis.failpoints import failpoint
from services.chassis.wake import Wakeups
from services.experiment.domain.completeness import SCHEDULER
from services.experiment.domain.projection import advance_process, advance_task, follow
from services.experiment.domain.records import Event, Experiment, Output, Process
from services.experiment.handlers.settling import Settling
from services.experiment.storage import experiments, history, processes
from services.experiment.wire import changes as wire
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import process_pb2 as pb

_log = log.get("recording")


class Recording:
    """Records batches of status changes."""

    def __init__(self, db: Database, wakeups: Wakeups, settling: Settling) -> None:
        """`wakeups` tells those who watch, `settling` looks at what has ended."""
        self._db = db
        self._wakeups = wakeups
        self._settling = settling

    def persist(self, request: pb.PersistEventsRequest) -> pb.PersistEventsResponse:
        """Record the changes in the order given; those recorded before, and those of unknown processes, are counted."""
        with self._db.write() as tx:
            batch = _Batch(tx, request.events)
            for envelope in request.events:
                batch.take(envelope)
            for experiment_id in batch.store(tx, self._settling):
                after_commit(tx, lambda key=experiment_id: self._wakeups.notify(key))  # type: ignore[misc]
            failpoint("history.recording")
        failpoint("history.recorded")
        return batch.counts


class _Batch:
    """What a batch is about, read at once, changed in memory, and written at once."""

    def __init__(self, tx: Tx, envelopes: Iterable[event_pb2.Envelope]) -> None:
        messages = [each.status_changed for each in envelopes]
        self.counts = pb.PersistEventsResponse()
        self._now = now_us(tx)
        self._processes = {row.process_id: row for row in processes.locked(tx, {each.process_id for each in messages})}
        self._known = history.known(tx, {_key(each) for each in messages if each.process_id in self._processes})
        self._positions = {row.process_id: row.last_position for row in self._processes.values()}
        tasks = {(each.process_id, each.task_id) for each in messages if each.process_id in self._processes}
        self._tasks = {(row.process_id, row.task_id): row for row in processes.some_tasks(tx, tasks)}
        self._events: list[Event] = []
        self._changed: set[str] = set()
        self._changed_tasks: set[tuple[str, str]] = set()
        self._outputs: dict[tuple[str, str], Output] = {}

    def take(self, envelope: event_pb2.Envelope) -> None:
        """Record one change, and apply it where it is neither stale nor illegal."""
        message = envelope.status_changed
        process = self._processes.get(message.process_id)
        key = _key(message)
        if process is None or process.tenant != envelope.tenant:
            self.counts.unknown += 1
            _log.warning("change of an unknown process", process_id=message.process_id, envelope=envelope.id)
        elif key in self._known:
            self.counts.repeated += 1
        else:
            self.counts.recorded += 1
            self._known.add(key)
            applied = self._apply_task(process, message) if message.task_id else self._apply_process(process, message)
            if applied:
                self._changed.add(process.process_id)
            self._append(process, message, key, applied=applied)

    def store(self, tx: Tx, settling: Settling) -> list[str]:
        """Write all that changed; returns the ids of the experiments that did."""
        history.append(tx, self._events)
        for process_id in self._changed:
            row = self._processes[process_id]
            self._processes[process_id] = replace(row, revision=row.revision + 1, update_time=self._now)
        placed = [self._placed(each) for each in sorted({event.process_id for event in self._events})]
        processes.update(tx, settling.recorded(tx, placed, self._now))
        tasks = [replace(self._tasks[key], revision=self._processes[key[0]].revision) for key in self._changed_tasks]
        processes.update_tasks(tx, tasks)
        history.put_outputs(tx, self._outputs.values())
        # What is told of an earlier process is history: the experiment goes by its latest one.
        concerned = experiments.locked(tx, self._changed_experiments())
        rows = [self._followed(row) for row in concerned if row.process_id in self._changed]
        experiments.update(tx, rows)
        return [row.experiment_id for row in rows]

    def _apply_process(self, process: Process, message: event_pb2.StatusChanged) -> bool:
        report = wire.process_report(message)
        moved = advance_process(process, report) if report and message.source == SCHEDULER else None
        if moved is not None:
            self._processes[process.process_id] = moved
        return moved is not None

    def _apply_task(self, process: Process, message: event_pb2.StatusChanged) -> bool:
        key = (process.process_id, message.task_id)
        report = wire.task_report(message, process.tenant)
        moved = advance_task(self._tasks[key], report) if report and key in self._tasks else None
        if report is None or moved is None:
            return False
        self._tasks[key] = moved
        self._changed_tasks.add(key)
        if report.output is not None:
            self._outputs[process.process_id, report.output.name] = report.output
        return True

    def _append(self, process: Process, message: event_pb2.StatusChanged, key: str, *, applied: bool) -> None:
        position = self._positions[process.process_id] + 1
        self._positions[process.process_id] = position
        content = message.SerializeToString()
        self._events.append(
            Event(process.tenant, process.process_id, position, key, content, applied=applied, record_time=self._now)
        )

    def _placed(self, process_id: str) -> Process:
        return replace(self._processes[process_id], last_position=self._positions[process_id])

    def _changed_experiments(self) -> set[str]:
        return {self._processes[each].experiment_id for each in self._changed}

    def _followed(self, row: Experiment) -> Experiment:
        row = follow(row, self._processes[row.process_id])
        return replace(row, update_time=self._now, revision=row.revision + 1)


def _key(message: event_pb2.StatusChanged) -> str:
    """The same for a change that comes again, and for no other."""
    return f"{message.process_id}/{message.attempt}/{message.seq}/{message.source}/{message.task_id}"
