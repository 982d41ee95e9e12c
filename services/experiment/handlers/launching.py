"""The launch: process, plan, projection and message in one transaction, with Kafka up or down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from services.chassis.bus.topics import PROCESS
from services.chassis.clock import now_us, to_timestamp
from services.chassis.db import Database, Tx, after_commit
from services.chassis.errors import WrongState
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.records import Experiment, Process, Task
from services.experiment.domain.transitions import ExperimentState, ProcessState, TaskState, legal
from services.experiment.handlers.answers import Answers
from services.experiment.handlers.checking import Checked, Checker
from services.experiment.handlers.experiments import moved, required
from services.experiment.storage import experiments, processes
from services.experiment.wire import plans
from services.experiment.wire import records as wire
from vahana.event.v1 import event_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb


@dataclass(frozen=True, slots=True)
class _Launch:
    """All that a launch stores."""

    process: Process
    tasks: list[Task]
    plan: list[bytes]
    envelope: event_pb2.Envelope


class Launching:
    """Launches experiments."""

    def __init__(
        self,
        db: Database,
        answers: Answers,
        checker: Checker,
        bounds: plans.Bounds,
        *,
        outbox: Outbox,
        wakeups: Wakeups,
    ) -> None:
        """`outbox` carries the news to the scheduler, `wakeups` to those who watch."""
        self._db = db
        self._answers = answers
        self._checker = checker
        self._bounds = bounds
        self._outbox = outbox
        self._wakeups = wakeups

    def launch(self, who: Identity, request: pb.LaunchExperimentRequest) -> pb.LaunchExperimentResponse:
        """Plan the experiment as the registry has things now, and store the launch whole."""
        with self._db.read() as tx:
            first = self._answers.recall(tx, who, request, pb.LaunchExperimentResponse)
            if first is not None:
                return first
            row = _launchable(experiments.find(tx, who.tenant, request.experiment_id), request.experiment_id)
        checked = self._checker.check(who.tenant, pb.ExperimentSpec.FromString(row.spec))
        launch = _prepare(who.tenant, row.experiment_id, checked, self._bounds)
        with self._db.write() as tx:
            first = self._answers.recall(tx, who, request, pb.LaunchExperimentResponse)
            if first is not None:
                return first
            row = self._store(tx, who.tenant, request.experiment_id, launch)
            response = pb.LaunchExperimentResponse(experiment=wire.experiment(row))
            self._answers.remember(tx, who, request, response)
        return response

    def _store(self, tx: Tx, tenant: str, experiment_id: str, launch: _Launch) -> Experiment:
        row = _launchable(experiments.find(tx, tenant, experiment_id, lock=True), experiment_id)
        row = moved(row, ExperimentState.LAUNCHED, launch.process.process_id)
        processes.insert(tx, tenant, launch.process, launch.tasks, launch.plan)
        experiments.update(tx, [row])
        process_id = launch.process.process_id
        self._outbox.add(tx, PROCESS, process_id, launch.envelope.SerializeToString(), ref=process_id)
        after_commit(tx, lambda: self._wakeups.notify(experiment_id))
        return row


def _launchable(row: Experiment | None, experiment_id: str) -> Experiment:
    row = required(row, experiment_id)
    if not legal(row.state, ExperimentState.LAUNCHED):
        raise WrongState(
            f"experiment {experiment_id!r} is {row.state.name}: it was launched as process {row.process_id!r}; "
            "create another experiment to run it again"
        )
    return row


def _prepare(tenant: str, experiment_id: str, checked: Checked, bounds: plans.Bounds) -> _Launch:
    now = now_us()
    process_id = new_id("proc")
    planned = [plans.planned_task(each, bounds) for each in checked.plan()]
    target = plans.target(checked.compute_resource).SerializeToString(deterministic=True)
    contents = [each.SerializeToString(deterministic=True) for each in planned]
    launched = event_pb2.ProcessLaunched(
        experiment_id=experiment_id,
        process_id=process_id,
        plan_sha256=plans.digest(target, contents),
        task_count=len(planned),
    )
    envelope = event_pb2.Envelope(
        id=new_id("msg"),
        tenant=tenant,
        aggregate_id=process_id,
        source="experiment",
        time=to_timestamp(now),
        process_launched=launched,
    )
    process = Process(
        tenant=tenant,
        process_id=process_id,
        experiment_id=experiment_id,
        state=ProcessState.CREATED,
        phase=0,
        reason="",
        condition_code=0,
        seq=0,
        last_position=0,
        revision=1,
        create_time=now,
        update_time=now,
        directory=str(PurePosixPath(checked.compute_resource.scratch, experiment_id, process_id)),
        target=target,
    )
    tasks = [_task(process_id, ordinal, each) for ordinal, each in enumerate(planned)]
    return _Launch(process, tasks, contents, envelope)


def _task(process_id: str, ordinal: int, planned: task_pb2.PlannedTask) -> Task:
    return Task(
        process_id=process_id,
        task_id=planned.task_id,
        ordinal=ordinal,
        type=planned.type,
        state=TaskState.CREATED,
        attempt=0,
        seq=0,
        attempt_ended=False,
        max_attempts=planned.retry.max_attempts,
        reason="",
        condition_code=0,
        depends_on="\n".join(planned.depends_on),
        job=b"",
        start_time=None,
        end_time=None,
        revision=1,
    )
