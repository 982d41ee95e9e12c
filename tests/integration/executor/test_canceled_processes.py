"""Scheduler and executor together, over a bus in memory and on a real SSH server: a person changes their mind."""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.chassis.bus.api import Message
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import ALL, CANCEL, EXECUTOR_CANCEL, PROCESS, SCHEDULER, STATUS, TASK_TOPICS
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.chassis.inbox import Inbox
from services.chassis.leases import Leases
from services.chassis.migrate import upgrade
from services.chassis.outbox import Outbox
from services.chassis.relay import Relay
from services.executor.consumers import Consumers as ExecutorConsumers
from services.executor.histories import Histories
from services.scheduler.consumers import TOPICS, Consumers
from services.scheduler.domain.model import Launch
from services.scheduler.handlers import Handlers
from services.scheduler.leases import Shards
from services.scheduler.plans import Plan, plan_digest
from services.scheduler.runs import Rules
from services.scheduler.schema import metadata
from tests.integration.executor.support import TENANT, Bench, until
from tests.integration.executor.whole import Whole
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

I, P = state_pb2.ProcessIntent, state_pb2.ProcessState  # noqa: E741
RUNS = "sleep 1000 & echo began > began; wait"


class Plans:
    """Gives out the one plan there is."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def fetch(self, launches: list[Launch]) -> list[Plan]:
        return [self.plan for _ in launches]


class Mesh:
    """A scheduler and an executor with all that lies between them."""

    def __init__(self, url: str, whole: Whole, plan: Plan) -> None:
        upgrade(url, "services.scheduler")
        self.whole, self.plan, self.bus = whole, plan, MemoryBus()
        self.bus.ensure_topics(ALL)
        self.db, self.outbox = Database(url, metadata), Outbox(metadata)
        shards = Shards(Leases(metadata), alone=True)
        rules = Rules(60_000_000, lambda: 0.5)
        self.handlers = Handlers(self.db, self.outbox, Inbox(metadata), shards, Plans(plan), rules)
        worker = ExecutorConsumers(whole.handlers, Histories(whole.db, whole.outbox))
        self.producer, self.seq = self.bus.producer(), itertools.count(1)
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._consume, args=(SCHEDULER, TOPICS, Consumers(self.handlers).handle)),
            threading.Thread(target=self._consume, args=("tasks", list(TASK_TOPICS.values()), worker.dispatched)),
            threading.Thread(target=self._consume, args=(EXECUTOR_CANCEL, [CANCEL], worker.canceled)),
            threading.Thread(target=Relay(self.db, self.outbox, self.bus, source="scheduler").run, args=(self.stop,)),
            threading.Thread(target=Relay(whole.db, whole.outbox, self.bus, source="executor").run, args=(self.stop,)),
        ]
        self._told = self.bus.consumer("reader", [STATUS])
        self.history: list[event_pb2.StatusChanged] = []
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)
        self.db.close()

    def launch(self) -> None:
        process = self.whole.bench.process
        launched = event_pb2.ProcessLaunched(
            experiment_id=self.whole.bench.experiment,
            process_id=process,
            plan_sha256=plan_digest(self.plan),
            task_count=len(self.plan.tasks),
        )
        self._publish(event_pb2.Envelope(id="launch", process_launched=launched))

    def want(self, intent: str) -> None:
        wanted = event_pb2.ProcessIntended(
            experiment_id=self.whole.bench.experiment,
            process_id=self.whole.bench.process,
            intent=I.Value(f"PROCESS_INTENT_{intent}"),
            seq=next(self.seq),
            caller="ada",
        )
        self._publish(event_pb2.Envelope(id=f"intent-{wanted.seq}", process_intended=wanted))

    def state(self) -> str:
        while received := self._told.poll(0, 500):
            self.history += [event_pb2.Envelope.FromString(each.value).status_changed for each in received]
        told = [change for change in self.history if not change.task_id]
        return P.Name(told[-1].process_state).removeprefix("PROCESS_STATE_") if told else ""

    def ends(self) -> dict[str, str]:
        _, tasks = self.handlers.get_run(TENANT, self.whole.bench.process)
        return {task.task_id: task.state.name for task in tasks}

    def _publish(self, envelope: event_pb2.Envelope) -> None:
        process = self.whole.bench.process
        envelope.tenant, envelope.aggregate_id, envelope.source = TENANT, process, "experiment"
        headers = (("id", envelope.id.encode()), ("source", b"experiment"))
        self.producer.publish([Message(PROCESS.name, process, envelope.SerializeToString(), headers)])

    def _consume(self, group: str, topics: list[object], handle: Callable[[list[Delivery]], None]) -> None:
        consumer = self.bus.consumer(group, topics)
        while not self.stop.is_set():
            if received := consumer.poll(0.1, 500):
                handle([Delivery(event_pb2.Envelope.FromString(each.value), each) for each in received])
                consumer.commit(received)


def planned(task_id: str, kind: str, after: list[str], **spec: object) -> task_pb2.PlannedTask:
    return task_pb2.PlannedTask(
        task_id=task_id,
        type=state_pb2.TaskType.Value(f"TASK_TYPE_{kind.upper()}"),
        depends_on=after,
        trigger_rule="TRIGGER_RULE_ALL_DONE" if kind == "cleanup" else "TRIGGER_RULE_ALL_SUCCESS",
        required=kind != "cleanup",
        retry=task_pb2.RetryPolicy(max_attempts=2),
        spec=task_pb2.TaskSpec(**{kind: spec}),
    )


@pytest.fixture
def mesh(tmp_path: Path, whole: Whole, bench: Bench) -> Iterator[Mesh]:
    words = ["sh", "-c", RUNS]
    tasks = [
        planned("env-setup", "env_setup", []),
        planned("submit", "job_submission", ["env-setup"], command={"arguments": words}),
        planned("monitor", "monitoring", ["submit"], job_task_id="submit"),
        planned("cleanup", "cleanup", ["env-setup", "submit", "monitor"]),
    ]
    made = Mesh(f"sqlite:///{tmp_path / 'scheduler.db'}", whole, Plan(bench.target(), tasks))
    yield made
    made.end()


def test_a_running_process_is_canceled_with_its_job_and_leaves_nothing(mesh: Mesh, bench: Bench) -> None:
    mesh.launch()
    until((bench.path / "work" / "began").exists)
    mesh.want("CANCEL")
    until(lambda: mesh.state() == "CANCELED")
    assert mesh.ends() == {
        "env-setup": "COMPLETED",
        "submit": "COMPLETED",
        "monitor": "CANCELED",
        "cleanup": "COMPLETED",
    }
    assert not bench.path.exists()
    last = mesh.history[-1]
    assert (last.reason, last.condition_code) == ("canceled by ada", state_pb2.CONDITION_CODE_CANCELED_BY_USER)


def test_a_process_paused_before_its_job_is_watched_is_canceled_with_its_job(mesh: Mesh, bench: Bench) -> None:
    mesh.launch()
    until((bench.path / "work" / "began").exists)
    mesh.want("PAUSE")
    until(lambda: mesh.state() == "PAUSED")
    mesh.want("CANCEL")
    until(lambda: mesh.state() == "CANCELED")
    assert not bench.path.exists()


def test_a_paused_process_goes_on_when_it_is_resumed(mesh: Mesh, bench: Bench) -> None:
    mesh.want("PAUSE")
    mesh.launch()
    until(lambda: mesh.state() == "PAUSED")
    assert not bench.path.exists()
    mesh.want("RUN")
    until((bench.path / "work" / "began").exists)
    mesh.want("CANCEL")
    until(lambda: mesh.state() == "CANCELED")


@pytest.mark.parametrize("number", range(6))
def test_a_cancel_at_any_moment_ends_all_there_is(mesh: Mesh, bench: Bench, number: int) -> None:
    mesh.launch()
    threading.Event().wait(number * 0.15)
    mesh.want("CANCEL")
    until(lambda: mesh.state() == "CANCELED")
    assert _left(bench) == []
    assert not bench.path.exists()
    assert "SCHEDULED" not in mesh.ends().values()


def _left(bench: Bench) -> list[int]:
    """The processes that work under the scratch location."""
    found = psutil.process_iter(["cwd"])
    return [process.pid for process in found if (process.info["cwd"] or "").startswith(str(bench.scratch))]
