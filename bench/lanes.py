"""What a host that begins to hang costs all others: how long their short tasks take, from being accepted to their end.

The executor is whole but for its hosts: a healthy one takes some milliseconds for a task, one that hangs keeps its
worker until the connection is given up, as an address does that accepts connections and answers nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.figures import Figure, Goal, Peer, percentile
from services.chassis.db import Database
from services.chassis.migrate import upgrade
from services.chassis.outbox import Outbox
from services.executor.batch.fork import ForkJobs
from services.executor.channels.api import Site
from services.executor.claims import Ledger
from services.executor.dispatcher import Dispatcher
from services.executor.domain.outcomes import Done
from services.executor.domain.seats import Sizes
from services.executor.domain.troubles import Condition, Waiting
from services.executor.handlers import Handlers
from services.executor.hosts import Hosts
from services.executor.probing import CONNECT_SECONDS, Answer, Probed
from services.executor.runner import Runner, World
from services.executor.schema import claim, metadata
from services.executor.tasks import TASKS
from services.executor.tasks.context import TaskContext
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

HEALTHY, QUEUED = 8, 50
TASK_SECONDS, GIVEN_UP_SECONDS = 0.02, 10.0
EVERY_SECONDS, ROUND_SECONDS = 0.02, 15.0
"""A task every 20 ms, for longer than it takes to bar the host."""
_HUNG = "hung.invalid"
_NO_FILES: Any = None


@dataclass
class _Played:
    """Hosts: channels to nowhere, tasks that take their time, and probes."""

    hanging: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def channel(self, site: Site, process_id: str) -> Any:
        return None

    def task(self, context: TaskContext) -> Done:
        if context.dispatch.target.address == _HUNG and self.hanging.is_set():
            self.over.wait(GIVEN_UP_SECONDS)
            raise Waiting(Condition.HOST_UNREACHABLE, f"{_HUNG}:22 does not complete the SSH handshake")
        time.sleep(TASK_SECONDS)
        return Done()

    def probe(self, site: Site) -> Probed:
        if site.address == _HUNG and self.hanging.is_set():
            self.over.wait(CONNECT_SECONDS)
            return Probed(Answer.SILENT, f"{_HUNG}:22 does not complete the SSH handshake")
        return Probed(Answer.REACHED)


@dataclass
class _Executor:
    db: Database
    handlers: Handlers
    hosts: Hosts
    played: _Played


def measured(directory: Path) -> Iterator[Figure]:
    """Yield the figures."""
    with _executor(directory) as executor:
        alone = _p99_ms(executor, "alone")
        executor.played.hanging.set()
        began, barred = time.monotonic(), list[float]()

        def look() -> None:
            if executor.hosts.barred() and not barred:
                barred.append(time.monotonic() - began)

        executor.handlers.accept([_envelope("hanging", number, _HUNG) for number in range(QUEUED)])
        beside = _p99_ms(executor, "beside", look)
    yield Figure("fast_task_p99_ms", alone, "ms")
    yield Figure("fast_task_p99_ms_beside_a_hung_host", beside, "ms", peer=Peer("without it", alone))
    yield Figure("fast_task_p99_ratio_beside_a_hung_host", beside / alone, "x", Goal(1.5))
    yield Figure("hung_host_barred_seconds", barred[0] if barred else math.inf, "s", Goal(10))


def _p99_ms(executor: _Executor, process: str, look: Callable[[], None] = lambda: None) -> float:
    """Have a task done every now and then at all healthy hosts in turn, for a round."""
    began = time.monotonic()
    for number in range(int(ROUND_SECONDS / EVERY_SECONDS)):
        time.sleep(max(0.0, began + number * EVERY_SECONDS - time.monotonic()))
        executor.handlers.accept([_envelope(process, number, f"healthy-{number % HEALTHY}.invalid")])
        look()
    while len(taken := _taken_ms(executor.db, process)) <= number:
        time.sleep(0.05)
    return percentile(taken, 99)


def _taken_ms(db: Database, process: str) -> Sequence[float]:
    ended = (claim.c.process_id == process, claim.c.ended_us > 0)
    with db.read() as tx:
        rows = tx.execute(sa.select(claim.c.created_us, claim.c.ended_us).where(*ended)).all()
    return [(row.ended_us - row.created_us) / 1000 for row in rows]


def _envelope(process: str, number: int, host: str) -> event_pb2.Envelope:
    dispatch = event_pb2.TaskDispatched(
        experiment_id="exp-lanes",
        process_id=process,
        task_id=f"env-setup-{number}",
        attempt=1,
        type=state_pb2.TASK_TYPE_ENV_SETUP,
        target=task_pb2.Target(compute_resource=host, address=host, port=22, login="bench", scratch="/scratch"),
    )
    return event_pb2.Envelope(tenant="default", task_dispatched=dispatch)


@contextmanager
def _executor(directory: Path) -> Iterator[_Executor]:
    url = f"sqlite:///{directory / 'lanes.db'}"
    upgrade(url, "services.executor")
    db, played = Database(url, metadata), _Played()
    ledger = Ledger(Outbox(metadata))
    world = World(played, _NO_FILES, {task_pb2.JOB_MANAGER_FORK: ForkJobs(1)})
    runner = Runner(db, ledger, world, tasks=dict.fromkeys(TASKS, played.task))
    dispatcher = Dispatcher(db, ledger, runner.run, TASKS, holder="bench", sizes=Sizes())
    hosts = Hosts(db, ledger, played.probe, dispatcher.turns)
    dispatcher.barred, dispatcher.workers.on_worked = hosts.barred, hosts.worked
    ledger.on_accepted = dispatcher.wake
    stop = threading.Event()
    threads = [threading.Thread(target=body, args=(stop,)) for body in (dispatcher.run, hosts.run)]
    for thread in threads:
        thread.start()
    try:
        yield _Executor(db, Handlers(db, ledger, dispatcher), hosts, played)
    finally:
        stop.set()
        played.over.set()
        for thread in threads:
            thread.join()
        db.close()
