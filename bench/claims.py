"""What the executor itself costs: tasks that do nothing, fifty at a time, from dispatch to the last of their events.

Accepting, claiming, running, settling and the outbox are measured; Kafka is not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figures import Figure, Goal, median
from services.chassis.db import Database
from services.chassis.migrate import upgrade
from services.chassis.outbox import Outbox
from services.executor.batch.fork import ForkJobs
from services.executor.channels.api import Site
from services.executor.claims import Ledger
from services.executor.dispatcher import Dispatcher
from services.executor.domain.outcomes import Done
from services.executor.domain.seats import Sizes
from services.executor.handlers import Handlers
from services.executor.runner import Runner, World
from services.executor.schema import metadata
from services.executor.tasks import TASKS
from services.executor.tasks.context import TaskContext
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

AT_ONCE, ROUNDS = 50, 40
_NO_FILES: Any = None
_TARGET = task_pb2.Target(compute_resource="noop", address="noop.invalid", port=22, login="noop", scratch="/scratch")


def measured(directory: Path) -> Iterator[Figure]:
    """Yield the figures."""
    with _executor(directory) as (handlers, dispatcher):
        taken = [_cpu_ms_a_task(handlers, dispatcher, number) for number in range(ROUNDS)]
    yield Figure("executor_cpu_ms_a_task", median(taken), "ms", Goal(0.4))


def _cpu_ms_a_task(handlers: Handlers, dispatcher: Dispatcher, number: int) -> float:
    before = time.process_time()
    handlers.accept([_envelope(number, task) for task in range(AT_ONCE)])
    while dispatcher.held():
        time.sleep(0.0005)
    return (time.process_time() - before) * 1000 / AT_ONCE


def _envelope(number: int, task: int) -> event_pb2.Envelope:
    dispatch = event_pb2.TaskDispatched(
        experiment_id=f"exp-{number}",
        process_id=f"proc-{number}",
        task_id=f"env-setup-{task}",
        attempt=1,
        type=state_pb2.TASK_TYPE_ENV_SETUP,
        target=_TARGET,
    )
    return event_pb2.Envelope(tenant="default", task_dispatched=dispatch)


class _NoHosts:
    """Channels to nowhere."""

    def channel(self, site: Site, process_id: str) -> Any:
        return None


def _noop(_context: TaskContext) -> Done:
    return Done()


@contextmanager
def _executor(directory: Path) -> Iterator[tuple[Handlers, Dispatcher]]:
    url = f"sqlite:///{directory / 'claims.db'}"
    upgrade(url, "services.executor")
    db = Database(url, metadata)
    ledger = Ledger(Outbox(metadata))
    world = World(_NoHosts(), _NO_FILES, {task_pb2.JOB_MANAGER_FORK: ForkJobs(1)})
    runner = Runner(db, ledger, world, tasks=dict.fromkeys(TASKS, _noop))
    dispatcher = Dispatcher(db, ledger, runner.run, TASKS, holder="bench", sizes=Sizes(256, 16, 256))
    ledger.on_accepted = dispatcher.wake
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        yield Handlers(db, ledger, dispatcher), dispatcher
    finally:
        stop.set()
        thread.join()
        db.close()
