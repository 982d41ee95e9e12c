"""The scheduler's real handlers, storage, outbox and relay on a real database; bus, plans and executors are played."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Message
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import ALL, PROCESS, SCHEDULER, STATUS, TASK_TOPICS
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.chassis.errors import NotFound, Unavailable
from services.chassis.inbox import Inbox
from services.chassis.leases import Leases
from services.chassis.outbox import Outbox
from services.chassis.relay import Relay
from services.scheduler.consumers import TOPICS, Consumers
from services.scheduler.domain.model import Launch
from services.scheduler.handlers import Handlers
from services.scheduler.leases import Shards
from services.scheduler.plans import Plan, plan_digest
from services.scheduler.runs import Rules
from services.scheduler.schema import metadata
from tests.contract.scheduler.held import Holds
from tests.contract.scheduler.intended import Intents
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

Outcome = dict[str, Any]
"""Fields of the event an attempt ends with, beside those that say which."""

T, S, R = state_pb2.TaskType, state_pb2.TaskState, task_pb2.TriggerRule
RESEND_AFTER = 60
OK: Outcome = {"task_state": S.TASK_STATE_COMPLETED}


class MovableDatabase(Database):
    """A database whose clock can be put forward."""

    ahead_us = 0

    def now_us(self, tx: sa.Connection) -> int:  # type: ignore[override]
        return Database.now_us(tx) + self.ahead_us


class FakePlans:
    """The experiment service, as far as plans go: a plan is its tenant's."""

    def __init__(self) -> None:
        self.plans: dict[tuple[str, str], Plan] = {}
        self.away = False
        self.asked: Counter[str] = Counter()

    def fetch(self, launches: Sequence[Launch]) -> list[Plan]:
        if self.away and launches:
            raise Unavailable("experiment does not answer")
        self.asked.update(launch.process_id for launch in launches)
        for launch in launches:
            if (launch.tenant, launch.process_id) not in self.plans:
                raise NotFound("process", launch.process_id)
        return [self.plans[launch.tenant, launch.process_id] for launch in launches]


class World:
    """One scheduler, several if asked for, and all that is around them."""

    def __init__(self, url: str) -> None:
        self.url, self.bus, self.plans = url, MemoryBus(), FakePlans()
        self.bus.ensure_topics(ALL)
        self._producer = self.bus.producer()
        self._orders = self.bus.consumer("executors", list(TASK_TOPICS.values()))
        self._statuses = self.bus.consumer("reader", [STATUS])
        self._seq: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self.history: list[event_pb2.StatusChanged] = []
        self.woken = 0
        self.slow_hosts: set[str] = set()
        self.ahead_us = 0
        self.databases: list[MovableDatabase] = []
        self.outbox = Outbox(metadata)
        self.start()
        self.relay = Relay(self.db, self.outbox, self.bus, source="scheduler")
        self.consumer = self.bus.consumer(SCHEDULER, TOPICS)

    def start(self) -> None:
        """Starts a scheduler beside or after another: they share the database, and here also relay and subscription."""
        self.db = MovableDatabase(self.url, metadata)
        self.databases.append(self.db)
        self.forward(0)
        shards = Shards(Leases(metadata), alone=self.db.dialect == "sqlite")
        self.handlers = Handlers(
            self.db,
            self.outbox,
            Inbox(metadata),
            shards,
            self.plans,
            Rules(RESEND_AFTER * 1_000_000, lambda: 0.5, lambda _tx: self.slow_hosts),
            [self._wake],
        )
        self.consumers = Consumers(self.handlers)

    def _wake(self) -> None:
        self.woken += 1

    def forward(self, seconds: float) -> None:
        """Puts the database's clock forward."""
        self.ahead_us += int(seconds * 1_000_000)
        for database in self.databases:
            database.ahead_us = self.ahead_us

    def launch(
        self,
        process_id: str,
        tasks: Sequence[task_pb2.PlannedTask],
        *,
        tenant: str = "default",
        host: str = "local",
        **changes: Any,
    ) -> None:
        """Publishes a launch on a compute resource of that name; `changes` falsify it."""
        target = task_pb2.Target(compute_resource=host, address=f"{host}.example.org", scratch="/scratch")
        plan = Plan(target, tasks)
        self.plans.plans[tenant, process_id] = plan
        launched = event_pb2.ProcessLaunched(
            experiment_id=f"exp-of-{process_id}",
            process_id=process_id,
            plan_sha256=plan_digest(plan),
            task_count=len(tasks),
        )
        for name, value in changes.items():
            setattr(launched, name, value)
        envelope = event_pb2.Envelope(
            id=f"launch-{process_id}", tenant=tenant, aggregate_id=process_id, source="experiment"
        )
        envelope.process_launched.CopyFrom(launched)
        self.publish(PROCESS.name, process_id, envelope)

    def publish(self, topic: str, key: str, envelope: event_pb2.Envelope) -> None:
        headers = (("id", envelope.id.encode()), ("source", envelope.source.encode()))
        self._producer.publish([Message(topic, key, envelope.SerializeToString(), headers)])

    def say(self, order: event_pb2.TaskDispatched, *, tenant: str = "default", **fields: Any) -> event_pb2.Envelope:
        """Publishes an executor's event about an attempt, by default the next in order."""
        key = (order.process_id, order.task_id, fields.pop("attempt", order.attempt))
        self._seq[key] += 1
        change = event_pb2.StatusChanged(
            experiment_id=order.experiment_id,
            process_id=order.process_id,
            task_id=order.task_id,
            attempt=key[2],
            source="executor",
            task_type=order.type,
            **{"seq": self._seq[key], **fields},
        )
        id_ = "/".join(map(str, (*key, change.seq)))
        envelope = event_pb2.Envelope(id=id_, tenant=tenant, aggregate_id=order.process_id, source="executor")
        envelope.status_changed.CopyFrom(change)
        self.publish(STATUS.name, order.process_id, envelope)
        return envelope

    def batch(self) -> list[Delivery]:
        """What the scheduler would be given next, not committed."""
        received = self.consumer.poll(0, 500)
        return [Delivery(event_pb2.Envelope.FromString(each.value), each) for each in received]

    def handle(self) -> int:
        """Handles one batch and commits it; returns its size."""
        deliveries = self.batch()
        if deliveries:
            self.consumers.handle(deliveries)
            self.consumer.commit([delivery.received for delivery in deliveries])
        return len(deliveries)

    def send(self) -> int:
        """Sends what the outbox holds."""
        sent = self.relay.drain(self._producer, threading.Event())
        self.relay.mark()
        return sent

    def settle(self) -> None:
        """Handles and sends until nothing is left."""
        while self.handle() + self.send():
            pass

    def orders(self) -> list[event_pb2.TaskDispatched]:
        """The dispatches that went out since the last call, in the order of task ids."""
        self.settle()
        found = []
        while received := self._orders.poll(0, 500):
            found += [event_pb2.Envelope.FromString(each.value).task_dispatched for each in received]
        return sorted(found, key=lambda order: (order.process_id, order.task_id, order.attempt))

    def work(self, outcomes: dict[str, list[Outcome]] | None = None) -> list[event_pb2.TaskDispatched]:
        """Plays executors until there is no order left: each task's attempts end as `outcomes` says, else well."""
        left = {name: list(ends) for name, ends in (outcomes or {}).items()}
        done = []
        while orders := self.orders():
            for order in orders:
                self.say(order, task_state=S.TASK_STATE_EXECUTING)
                ends = left.get(order.task_id)
                self.say(order, **(ends.pop(0) if ends else OK))
            done += orders
        return done

    def read(self) -> list[event_pb2.StatusChanged]:
        """Everything told on STATUS so far by the scheduler."""
        self.settle()
        while received := self._statuses.poll(0, 500):
            for each in received:
                change = event_pb2.Envelope.FromString(each.value).status_changed
                self.history += [change] if change.source == "scheduler" else []
        return self.history

    def process_states(self, process_id: str = "proc-1") -> list[str]:
        """The states a process went through, as told."""
        return [
            state_pb2.ProcessState.Name(change.process_state).removeprefix("PROCESS_STATE_")
            for change in self.read()
            if change.process_id == process_id and not change.task_id
        ]

    def last(self, process_id: str = "proc-1") -> event_pb2.StatusChanged:
        """What was told last of a process itself."""
        return [change for change in self.read() if change.process_id == process_id and not change.task_id][-1]

    def task_states(self, process_id: str = "proc-1") -> dict[str, str]:
        """How the scheduler's tasks stand."""
        _, tasks = self.handlers.get_run("default", process_id)
        return {task.task_id: task.state.name for task in tasks}

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """All the database holds, but for when the outbox was sent."""
        with self.db.read() as tx:
            return {
                name: sorted(tuple(row) for row in tx.execute(sa.select(*[c for c in table.c if c.name != "sent_us"])))
                for name, table in metadata.tables.items()
                if name != "lease"
            }


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """A mesh around one scheduler."""
    made = World(database_url)
    made.db.create_tables()
    yield made
    for database in made.databases:
        database.close()


@pytest.fixture
def task() -> Callable[..., task_pb2.PlannedTask]:
    """Makes one planned task; three attempts, the second after 5 s."""
    return planned


@pytest.fixture
def plan() -> list[task_pb2.PlannedTask]:
    """The plan of an ordinary process with two inputs."""
    return [
        planned("env-setup", "ENV_SETUP"),
        planned("stage-in-a", "DATA_STAGING_IN", ["env-setup"]),
        planned("stage-in-b", "DATA_STAGING_IN", ["env-setup"]),
        planned("submit", "JOB_SUBMISSION", ["stage-in-a", "stage-in-b"]),
        planned("monitor", "MONITORING", ["submit"]),
        planned("stage-out-c", "DATA_STAGING_OUT", ["monitor"]),
        planned("stage-out-stdout", "DATA_STAGING_OUT", ["monitor"], rule="NONE_SKIPPED", required=False),
        planned("cleanup", "CLEANUP", ["stage-out-c", "stage-out-stdout"], rule="ALL_DONE", required=False),
    ]


def planned(
    task_id: str,
    kind: str = "PRE_JOB_COMMAND",
    depends_on: Sequence[str] = (),
    *,
    rule: str = "ALL_SUCCESS",
    required: bool = True,
    attempts: int = 3,
) -> task_pb2.PlannedTask:
    task = task_pb2.PlannedTask(
        task_id=task_id,
        type=T.Value(f"TASK_TYPE_{kind}"),
        depends_on=depends_on,
        trigger_rule=R.Value(f"TRIGGER_RULE_{rule}"),
        required=required,
        retry=task_pb2.RetryPolicy(max_attempts=attempts),
    )
    task.retry.initial_backoff.FromSeconds(10)
    task.retry.max_backoff.FromSeconds(60)
    getattr(task.spec, kind.lower()).SetInParent()
    if kind == "MONITORING":
        task.spec.monitoring.job_task_id = "submit"
    if kind == "DATA_STAGING_OUT":
        task.spec.data_staging_out.job_task_id = "submit"
    return task


@pytest.fixture
def holds(world: Any) -> Holds:
    return Holds(world)


@pytest.fixture
def intents(world: Any) -> Intents:
    return Intents(world)
