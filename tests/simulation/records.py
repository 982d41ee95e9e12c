"""What the checker is shown of a world: all from the databases and the hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from services.experiment.domain.transitions import ProcessIntent
from services.experiment.handlers import settling
from services.experiment.storage import history, processes
from services.scheduler import storage
from tests.checker.record import Record, Standing
from tests.simulation.experiment import TENANT
from tests.simulation.host import Host
from tests.simulation.scheduler import Plans
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import experiment_pb2

if TYPE_CHECKING:
    from tests.simulation.world import Databases

_MOST_EVENTS = 100_000


def records(databases: Databases, hosts: Sequence[Host], plans: Plans) -> Iterator[Record]:
    """The records of all processes launched."""
    runs = [run for host in hosts for run in host.runs]
    for process_id, plan in plans.stored.items():
        yield Record(
            process_id,
            plan.tasks,
            _history(databases, process_id),
            _seen_by_user(databases, process_id),
            _seen_by_scheduler(databases, process_id),
            [run for run in runs if run.process_id == process_id],
            _cancel_asked(databases, process_id),
            *_settled(databases, process_id),
        )


def _history(databases: Databases, process_id: str) -> list[experiment_pb2.HistoryEvent]:
    with databases.experiment.read() as tx:
        return [
            experiment_pb2.HistoryEvent(
                position=event.position,
                change=event_pb2.StatusChanged.FromString(event.content),
                applied=event.applied,
            )
            for event in history.page(tx, TENANT, process_id, 0, _MOST_EVENTS).items
        ]


def _cancel_asked(databases: Databases, process_id: str) -> bool:
    with databases.experiment.read() as tx:
        process = processes.find(tx, TENANT, process_id)
    return process is not None and process.intent is ProcessIntent.CANCEL


def _settled(databases: Databases, process_id: str) -> tuple[list[str], bool]:
    with databases.experiment.read() as tx:
        process = processes.find(tx, TENANT, process_id)
        return ([], False) if process is None else (settling.missing(tx, process), process.settled_us is not None)


def _seen_by_user(databases: Databases, process_id: str) -> Standing:
    with databases.experiment.read() as tx:
        process = processes.find(tx, TENANT, process_id)
        tasks = {task.task_id: int(task.state) for task in processes.tasks(tx, TENANT, process_id)}
    return Standing(int(process.state) if process is not None else 0, tasks)


def _seen_by_scheduler(databases: Databases, process_id: str) -> Standing:
    with databases.scheduler.read() as tx:
        run = storage.get_run(tx, TENANT, process_id)
        tasks = {task.task_id: int(task.state) for task in storage.list_tasks(tx, TENANT, process_id)}
    return Standing(int(run.state) if run is not None else 0, tasks)
