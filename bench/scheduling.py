"""What the scheduler itself costs: fifty processes of seven tasks in a row, a step of all of them a transaction.

A step is two reports in (begun, done), a status and a dispatch out. Taking in, walking and storing are measured; Kafka
is not. The same again beside ten thousand processes that have ended and a thousand under way shows what a full database
costs. And a process of ten thousand tasks, all but the first and the last side by side, shows what a large plan needs
of memory beside itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from bench.figures import Figure, Goal, median
from bench.scheduled import Plans, launch, reports
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.chassis.inbox import Inbox
from services.chassis.leases import Leases
from services.chassis.migrate import upgrade
from services.chassis.outbox import Outbox
from services.scheduler.consumers import Consumers
from services.scheduler.handlers import Handlers
from services.scheduler.leases import Shards
from services.scheduler.runs import Rules
from services.scheduler.schema import metadata
from vahana.event.v1 import event_pb2

AT_ONCE, ROUNDS, IN_A_ROW = 50, 20, 7
ENDED, LIVE, WIDE = 10_000, 1_000, 10_000


def measured(directory: Path) -> Iterator[Figure]:
    """Yield the figures."""
    with _scheduler(directory / "scheduling.db") as scheduler:
        few = median([_cpu_ms_a_step(scheduler, f"few-{number}") for number in range(ROUNDS)])
        yield Figure("scheduler_cpu_ms_a_step", few, "ms", Goal(0.3))
        for number in range(ENDED // 500):
            _cpu_ms_a_step(scheduler, f"ended-{number}", count=500, length=1)
        scheduler.take([launch(f"live-{number}", IN_A_ROW) for number in range(LIVE)])
        scheduler.orders()
        many = median([_cpu_ms_a_step(scheduler, f"many-{number}") for number in range(ROUNDS)])
        yield Figure("scheduler_step_full_over_empty", many / few, "x", Goal(1.2))
    # Elsewhere: the most memory a process ever had is no news where it had more before.
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        yield from elsewhere.submit(_wide, directory / "wide.db").result()


class Scheduler:
    """A scheduler without a bus: takes envelopes, gives what it has dispatched."""

    def __init__(self, db: Database) -> None:
        """Work on this database."""
        self._db, self._outbox = db, Outbox(metadata)
        shards = Shards(Leases(metadata), alone=True)
        rules = Rules(60_000_000, lambda: 0.5)
        handlers = Handlers(db, self._outbox, Inbox(metadata), shards, Plans(), rules)
        self._consumers = Consumers(handlers)

    def take(self, envelopes: Sequence[event_pb2.Envelope]) -> float:
        """Handle a batch; return the milliseconds of CPU it took."""
        deliveries = [Delivery(envelope, None) for envelope in envelopes]  # type: ignore[arg-type]
        before = time.process_time()
        self._consumers.handle(deliveries)
        return (time.process_time() - before) * 1000

    def orders(self) -> list[event_pb2.TaskDispatched]:
        """What was dispatched since it was last asked."""
        found: list[event_pb2.TaskDispatched] = []
        while rows := self._unsent():
            envelopes = [event_pb2.Envelope.FromString(row) for row in rows]
            found += [each.task_dispatched for each in envelopes if each.HasField("task_dispatched")]
        return found

    def _unsent(self) -> list[bytes]:
        with self._db.write() as tx:
            rows = self._outbox.unsent(tx, 500)
            self._outbox.mark_sent(tx, [row.id for row in rows])
        self._outbox.handover.miss()
        return [row.value for row in rows]


def _cpu_ms_a_step(scheduler: Scheduler, name: str, count: int = AT_ONCE, length: int = IN_A_ROW) -> float:
    scheduler.take([launch(f"{name}-{number}", length) for number in range(count)])
    taken = []
    while orders := scheduler.orders():
        taken.append(scheduler.take([report for order in orders for report in reports(order)]))
    return sum(taken) / len(taken) / count


def _wide(file: Path) -> list[Figure]:
    launched = launch("wide", WIDE, wide=True)
    with _scheduler(file) as scheduler:
        _cpu_ms_a_step(scheduler, "warm")
        before, taken = _most_mb(), scheduler.take([launched])
        while orders := scheduler.orders():
            for first in range(0, len(orders), AT_ONCE):
                part = orders[first : first + AT_ONCE]
                taken += scheduler.take([report for order in part for report in reports(order)])
    return [
        Figure("scheduler_wide_plan_mb", _most_mb() - before, "MB"),
        Figure("scheduler_wide_cpu_ms_a_task", taken / WIDE, "ms"),
    ]


def _most_mb() -> float:
    """The most memory this process ever had; getrusage counts its parent's in."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) / 1024


@contextmanager
def _scheduler(file: Path) -> Iterator[Scheduler]:
    url = f"sqlite:///{file}"
    upgrade(url, "services.scheduler")
    db = Database(url, metadata)
    try:
        yield Scheduler(db)
    finally:
        db.close()
