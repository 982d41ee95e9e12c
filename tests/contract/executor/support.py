"""Executors without hosts: claims in a real database, tasks that are functions of the test."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from google.protobuf.duration_pb2 import Duration

from services.chassis.db import Database
from services.chassis.outbox import Outbox
from services.executor import storage
from services.executor.backoff import Backoff
from services.executor.claims import Ledger
from services.executor.consumers import Consumers
from services.executor.dispatcher import Dispatcher
from services.executor.domain.claims import Claim
from services.executor.domain.outcomes import Done
from services.executor.domain.seats import Sizes
from services.executor.handlers import Handlers
from services.executor.histories import Histories
from services.executor.runner import Runner, World
from services.executor.schema import metadata
from services.executor.tasks import TASKS
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

OUTBOX = metadata.tables["outbox"]

EXECUTING, COMPLETED, FAILED, CANCELED = (
    state_pb2.TASK_STATE_EXECUTING,
    state_pb2.TASK_STATE_COMPLETED,
    state_pb2.TASK_STATE_FAILED,
    state_pb2.TASK_STATE_CANCELED,
)


class NoChannels:
    """Channels nobody uses."""

    def channel(self, site: Any, process_id: str) -> Any:
        return None

    def close(self) -> None:
        return


@dataclass
class Executor:
    """One executor: all but its hosts."""

    db: Database
    name: str
    task: Callable[[Any], Any] = lambda context: Done()
    lease_seconds: float = 10.0
    sizes: Sizes = field(default_factory=lambda: Sizes(16, 16, 64))
    cut: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.outbox = Outbox(metadata)
        self.ledger = Ledger(self.outbox, Backoff(0.01, 0.02))
        world = World(NoChannels(), None, {task_pb2.JOB_MANAGER_FORK: None})
        tasks = dict.fromkeys(TASKS, self._do)
        self.runner = Runner(self.db, self.ledger, world, tasks=tasks)
        self.dispatcher = Dispatcher(
            self.db,
            self.ledger,
            self.runner.run,
            TASKS,
            holder=self.name,
            sizes=self.sizes,
            lease_seconds=self.lease_seconds,
        )
        self.ledger.on_accepted = self.dispatcher.wake
        self.handlers = Handlers(self.db, self.ledger, self.dispatcher)
        self.consumers = Consumers(self.handlers, Histories(self.db, self.outbox))

    def _do(self, context: Any) -> Any:
        return self.task(context)

    def accept(self, *dispatches: event_pb2.TaskDispatched, tenant: str = "default") -> None:
        self.handlers.accept([event_pb2.Envelope(tenant=tenant, task_dispatched=each) for each in dispatches])

    def cancel(self, *dispatches: event_pb2.TaskDispatched, tenant: str = "default", reason: str = "by ada") -> None:
        """Cancel the attempts of these dispatches, whether they came or not."""
        envelopes = [event_pb2.Envelope(tenant=tenant, task_canceled=canceled(each, reason)) for each in dispatches]
        self.handlers.cancel(envelopes)

    def take(self) -> list[Claim]:
        """Claim everything there is, without working on it."""
        with self.db.write() as tx:
            now = self.db.now_us(tx)
            found = storage.orphaned(tx, now, 1000)
            for line in storage.lines(tx, now, 1000):
                found += storage.waiting(tx, line.queue, now, 1000)
            return self.ledger.take(tx, found, self.name, self.lease_seconds)

    def settle(self, claim: Claim, verdict: Any) -> bool:
        with self.db.write() as tx:
            (after,) = self.ledger.settle(tx, [(claim, verdict)])
        return after is not None

    def work(self) -> None:
        """Claim and work until nothing is left that is due."""
        while self.round() or self.dispatcher.held():
            self.cut.wait(0.005)

    def round(self) -> int:
        """Settle what has ended and claim what is due."""
        self.dispatcher.wake()
        return self.dispatcher.round()

    def late_verdict(self) -> tuple[Claim, Any]:
        """What a worker comes to whom nobody hears any more."""
        while not (ended := self.dispatcher.workers.ended()):
            self.cut.wait(0.005)
        ((_, claim, verdict),) = ended
        return claim, verdict

    def expire(self) -> None:
        with self.db.write() as tx:
            storage.expire_all(tx)

    def claim(self, task_id: str = "env-setup", attempt: int = 1, tenant: str = "default") -> Claim:
        which = {"task_id": task_id, "attempt": attempt, "tenant": tenant}
        with self.db.read() as tx:
            (found,) = storage.claims(tx, storage.SELECT.filter_by(**which))
        return found

    def events(self, tenant: str = "default") -> list[event_pb2.StatusChanged]:
        return [each.status_changed for each in self.envelopes() if each.tenant == tenant]

    def envelopes(self) -> list[event_pb2.Envelope]:
        with self.db.read() as tx:
            rows = tx.execute(sa.select(OUTBOX.c.value).order_by(OUTBOX.c.id)).scalars()
            return [event_pb2.Envelope.FromString(value) for value in rows]

    def mark_all_sent(self) -> None:
        with self.db.write() as tx:
            self.outbox.mark_sent(tx, [row.id for row in self.outbox.unsent(tx, 1000)])

    def unsent(self) -> list[str]:
        with self.db.read() as tx:
            return [row.message_id for row in self.outbox.unsent(tx, 1000)]


def dispatch(task_id: str = "env-setup", **more: Any) -> event_pb2.TaskDispatched:
    """A dispatch to a host of its own."""
    budget = Duration()
    budget.FromMilliseconds(more.pop("budget_ms", 60_000))
    given = {
        "experiment_id": "exp-1",
        "process_id": "proc-1",
        "task_id": task_id,
        "attempt": 1,
        "type": state_pb2.TASK_TYPE_ENV_SETUP,
        "target": task_pb2.Target(compute_resource="local", address=more.pop("host", "h"), port=22, scratch="/scratch"),
        "retry": task_pb2.RetryPolicy(max_attempts=3, blocked_budget=budget),
        **more,
    }
    return event_pb2.TaskDispatched(**given)


def canceled(dispatched: event_pb2.TaskDispatched, reason: str = "by ada") -> event_pb2.TaskCanceled:
    """The cancel of a dispatch."""
    return event_pb2.TaskCanceled(
        experiment_id=dispatched.experiment_id,
        process_id=dispatched.process_id,
        task_id=dispatched.task_id,
        attempt=dispatched.attempt,
        type=dispatched.type,
        reason=reason,
    )


def states(executor: Executor, tenant: str = "default") -> list[tuple[int, bool]]:
    return [(event.task_state, event.blocked) for event in executor.events(tenant)]
