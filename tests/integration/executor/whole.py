"""A whole executor, all but Kafka: its threads, a database of its own, and an account on the private SSH server."""

import threading
from collections.abc import Mapping

import sqlalchemy as sa
from google.protobuf.duration_pb2 import Duration

from services.chassis.db import Database
from services.chassis.migrate import upgrade
from services.chassis.outbox import Outbox
from services.executor.backoff import Backoff
from services.executor.batch.fork import ForkJobs
from services.executor.channels.ssh import SshChannels, SshLogins, SshOptions
from services.executor.claims import Ledger
from services.executor.dispatcher import Dispatcher
from services.executor.domain.seats import Sizes
from services.executor.handlers import Handlers
from services.executor.hosts import Hosts
from services.executor.looking import JobLook
from services.executor.probing import LoginProbe
from services.executor.runner import Runner, World
from services.executor.schema import metadata
from services.executor.tasks import TASKS, Task
from services.executor.watcher import Watcher
from tests.integration.executor.support import TENANT, Bench, until
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

COMPLETED, FAILED, EXECUTING, CANCELED = (
    state_pb2.TASK_STATE_COMPLETED,
    state_pb2.TASK_STATE_FAILED,
    state_pb2.TASK_STATE_EXECUTING,
    state_pb2.TASK_STATE_CANCELED,
)


class Whole:
    """An executor with a database of its own, its threads running."""

    def __init__(
        self,
        url: str,
        bench: Bench,
        grace_seconds: float = 10.0,
        *,
        holder: str = "executor-one",
        lease_seconds: float = 10.0,
        tasks: Mapping[int, Task] = TASKS,
    ) -> None:
        upgrade(url, "services.executor")
        self.bench, self.db = bench, Database(url, metadata)
        self.channels = SshChannels(bench.channels._signer, SshOptions(connect_seconds=2))
        self.outbox = Outbox(metadata)
        ledger = Ledger(self.outbox, Backoff(0.05, 0.2))
        world = World(self.channels, bench.files, {task_pb2.JOB_MANAGER_FORK: ForkJobs(grace_seconds)})
        runner = Runner(self.db, ledger, world, tasks=tasks, linger_seconds=0.2)
        self.dispatcher = Dispatcher(
            self.db, ledger, runner.run, TASKS, holder=holder, sizes=Sizes(), lease_seconds=lease_seconds
        )
        self.watcher = Watcher(
            self.db, ledger, JobLook(world), holder=holder, interval_seconds=0.1, backoff=Backoff(0.05, 0.2)
        )
        probe = LoginProbe(SshLogins(bench.channels._signer, SshOptions(sessions=1, connect_seconds=1)))
        self.hosts = Hosts(self.db, ledger, probe, self.dispatcher.turns)
        self.dispatcher.barred, self.dispatcher.workers.on_worked = self.hosts.barred, self.hosts.worked
        ledger.on_accepted, ledger.on_watched = self.dispatcher.wake, self.watcher.wake
        self.handlers = Handlers(self.db, ledger, self.dispatcher)
        self.stop = threading.Event()
        bodies = (self.dispatcher.run, self.dispatcher.renewal.run, self.watcher.run, self.hosts.run)
        self.threads = [threading.Thread(target=body, args=(self.stop,)) for body in bodies]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)
        self.channels.close()
        self.db.close()

    def send(self, task_id: str, task_type: int, spec: task_pb2.TaskSpec, attempt: int = 1, **more: object) -> None:
        dispatch = self.bench.dispatch(task_id, task_type, spec, attempt)
        dispatch.retry.blocked_budget.CopyFrom(Duration(seconds=int(more.pop("budget", 60))))
        dispatch.cancel_reason = str(more.pop("cancel_reason", ""))
        dispatch.target.MergeFrom(task_pb2.Target(**more))
        if "host_keys" in more:
            dispatch.target.host_keys[:] = more["host_keys"]
        self.handlers.accept([event_pb2.Envelope(tenant=TENANT, task_dispatched=dispatch)])

    def cancel(self, task_id: str, task_type: int, attempt: int = 1, reason: str = "canceled by ada") -> None:
        canceled = event_pb2.TaskCanceled(
            experiment_id=self.bench.experiment,
            process_id=self.bench.process,
            task_id=task_id,
            attempt=attempt,
            type=state_pb2.TaskType.ValueType(task_type),
            reason=reason,
        )
        self.handlers.cancel([event_pb2.Envelope(tenant=TENANT, task_canceled=canceled)])

    def events(self, task_id: str) -> list[event_pb2.StatusChanged]:
        table = metadata.tables["outbox"]
        with self.db.read() as tx:
            values = tx.execute(sa.select(table.c.value).order_by(table.c.id)).scalars().all()
        events = [event_pb2.Envelope.FromString(value).status_changed for value in values]
        return [event for event in events if event.task_id == task_id]

    def end_of(self, task_id: str) -> event_pb2.StatusChanged:
        until(lambda: any(event.task_state in {COMPLETED, FAILED, CANCELED} for event in self.events(task_id)))
        events = self.events(task_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        return events[-1]

    def env_setup(self, **more: object) -> None:
        self.send("env-setup", state_pb2.TASK_TYPE_ENV_SETUP, task_pb2.TaskSpec(env_setup={}), **more)

    def submit(self, *words: str) -> task_pb2.Job:
        command = task_pb2.Command(arguments=words)
        spec = task_pb2.TaskSpec(job_submission=task_pb2.JobSubmission(command=command))
        self.send("submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, spec)
        event = self.end_of("submit")
        assert event.task_state == COMPLETED, event
        self.bench.jobs["submit"] = event.job
        return event.job

    def monitor(self, **more: object) -> None:
        spec = task_pb2.TaskSpec(monitoring=task_pb2.Monitoring(job_task_id="submit"))
        self.send("monitor", state_pb2.TASK_TYPE_MONITORING, spec, **more)
