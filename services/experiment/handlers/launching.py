"""The launch: process, plan, projection and message in one transaction, with Kafka up or down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from services.chassis.bus.topics import PROCESS
from services.chassis.db import Database, Tx, after_commit
from services.chassis.errors import StaleRevision, WrongState
from services.chassis.failpoints import failpoint
from services.chassis.outbox import Outbox
from services.chassis.requests import Requests
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.access import Permission
from services.experiment.domain.records import Experiment
from services.experiment.domain.transitions import RELAUNCH, ExperimentState, legal
from services.experiment.handlers.access import Access, Granted
from services.experiment.handlers.checking import Checker
from services.experiment.handlers.judging import refuse
from services.experiment.handlers.preparing import Prepared, prepare
from services.experiment.storage import experiments, processes
from services.experiment.wire import plans
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb

_Request = pb.LaunchExperimentRequest | pb.RelaunchExperimentRequest
_Answer = TypeVar("_Answer", pb.LaunchExperimentResponse, pb.RelaunchExperimentResponse)


class Launching:
    """Launches experiments, for the first time and again."""

    def __init__(
        self,
        db: Database,
        requests: Requests,
        access: Access,
        checker: Checker,
        bounds: plans.Bounds,
        *,
        outbox: Outbox,
        wakeups: Wakeups,
    ) -> None:
        """`bounds` are those of every task; `outbox` takes the news to the scheduler, `wakeups` to those who watch."""
        self._db = db
        self._requests = requests
        self._access = access
        self._checker = checker
        self._bounds = bounds
        self._outbox = outbox
        self._wakeups = wakeups

    def launch(self, who: Identity, request: pb.LaunchExperimentRequest) -> pb.LaunchExperimentResponse:
        """Plan the experiment as the registry has things now, and store the launch whole."""
        return self._access.judged(who, lambda: self._start(who, request, pb.LaunchExperimentResponse, _launchable))

    def relaunch(self, who: Identity, request: pb.RelaunchExperimentRequest) -> pb.RelaunchExperimentResponse:
        """The same with an experiment whose latest process ended."""
        return self._access.judged(who, lambda: self._start(who, request, pb.RelaunchExperimentResponse, _relaunchable))

    def _start(
        self, who: Identity, request: _Request, kind: type[_Answer], ready: Callable[[Experiment], None]
    ) -> _Answer:
        with self._db.read() as tx:
            # Before what was answered once: that holds the experiment, which they may have lost since.
            granted = self._access.experiment(tx, who, request.experiment_id, Permission.WRITE)
            first = self._requests.recalled(tx, request, kind)
        if first is not None:
            return first
        ready(granted.row)
        prepared = self._planned(who, granted)

        def start(tx: Tx) -> _Answer:
            # Locked before it is asked whether this is a repeat: one that waited here finds the first answer.
            present = self._access.experiment(tx, who, request.experiment_id, Permission.WRITE, lock=True)

            def store() -> _Answer:
                ready(present.row)
                row = self._store(tx, who, present.row, prepared, planned=granted.row)
                return kind(experiment=wire.experiment(row, present.permission))

            return self._requests.once(tx, request, kind, store)

        # Of many launches at once each would wait for the disk alone.
        answer = self._db.together(start)
        failpoint("launch.stored")
        return answer

    def _planned(self, who: Identity, granted: Granted[Experiment]) -> Prepared:
        """What the launch would store; a refusal where a rule does not allow it."""
        spec = pb.ExperimentSpec.FromString(granted.row.spec)
        rehearsed = self._checker.rehearse(who, spec, granted.permission)
        refuse(rehearsed.judgement)
        return prepare(who, granted.row.experiment_id, rehearsed, self._bounds)

    def _store(self, tx: Tx, who: Identity, row: Experiment, prepared: Prepared, *, planned: Experiment) -> Experiment:
        experiment_id, process_id = row.experiment_id, prepared.process.process_id
        if row.spec != planned.spec:
            raise StaleRevision(f"experiment {experiment_id!r} was changed while it was planned: repeat the call")
        row = _launched(row, prepared)
        processes.insert(tx, who.tenant, prepared.process, prepared.tasks, prepared.plan)
        experiments.update(tx, [row])
        self._outbox.add(tx, PROCESS, process_id, prepared.envelope.SerializeToString(), ref=process_id)
        after_commit(tx, lambda: self._wakeups.notify(experiment_id))
        return row


def _launched(row: Experiment, prepared: Prepared) -> Experiment:
    process = prepared.process
    return replace(
        row,
        state=ExperimentState.LAUNCHED,
        reason="",
        condition_code=0,
        process_id=process.process_id,
        intent=process.intent.value,
        update_time=process.create_time,
        revision=row.revision + 1,
    )


def _launchable(row: Experiment) -> None:
    if not legal(row.state, ExperimentState.LAUNCHED):
        raise WrongState(
            f"experiment {row.experiment_id!r} is {row.state.name}: it was launched as process {row.process_id!r}; "
            "relaunch it once that has ended"
        )


def _relaunchable(row: Experiment) -> None:
    if row.state not in RELAUNCH:
        way_out = f"its process {row.process_id!r} has not ended" if row.process_id else "launch it first"
        raise WrongState(f"experiment {row.experiment_id!r} is {row.state.name}: {way_out}")
