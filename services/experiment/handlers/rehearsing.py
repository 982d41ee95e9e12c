"""The dry run: all that a launch would do, and whether it would pass; nothing is contacted unless asked for."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.clock import now_us
from services.chassis.db import Database, after_commit
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.access import Permission
from services.experiment.domain.planner import SUBMIT
from services.experiment.domain.policy import Verdict
from services.experiment.domain.records import Experiment
from services.experiment.domain.transitions import ExperimentState, legal
from services.experiment.handlers.access import Access, Granted
from services.experiment.handlers.checking import Checker, Rehearsed
from services.experiment.handlers.judging import rightful
from services.experiment.handlers.preparing import directory
from services.experiment.peers import Executors
from services.experiment.storage import experiments
from services.experiment.wire import plans
from services.experiment.wire import records as wire
from vahana.executor.v1 import executor_pb2
from vahana.experiment.v1 import experiment_pb2 as pb

_PROCESS = "{process}"
_NOT_ASKED = "only who may launch there has the host asked: see the verdicts"


class Rehearsing:
    """Validates experiments."""

    def __init__(
        self,
        db: Database,
        access: Access,
        checker: Checker,
        bounds: plans.Bounds,
        *,
        executors: Executors,
        wakeups: Wakeups,
    ) -> None:
        """`bounds` are those of every task; `executors` show the script and look at the host."""
        self._db = db
        self._access = access
        self._checker = checker
        self._bounds = bounds
        self._executors = executors
        self._wakeups = wakeups

    def validate(self, who: Identity, request: pb.ValidateExperimentRequest) -> pb.ValidateExperimentResponse:
        """Check an experiment as it stands, and show what a launch by the caller would do."""
        granted, rehearsed = self._access.judged(
            who, lambda: self._rehearsed(who, request.experiment_id), passes=lambda found: found[1].judgement.allowed
        )
        response = self._shown(request.experiment_id, rehearsed)
        self._add_script(who, response)
        if request.check_compute_resource:
            self._add_report(who, rehearsed, response)
        if rehearsed.judgement.allowed:
            granted = self._mark(who, granted)
        response.experiment.CopyFrom(wire.experiment(granted.row, granted.permission))
        return response

    def _rehearsed(self, who: Identity, experiment_id: str) -> tuple[Granted[Experiment], Rehearsed]:
        with self._db.read() as tx:
            granted = self._access.experiment(tx, who, experiment_id, Permission.READ)
        spec = pb.ExperimentSpec.FromString(granted.row.spec)
        return granted, self._checker.rehearse(who, spec, granted.permission)

    def _shown(self, experiment_id: str, rehearsed: Rehearsed) -> pb.ValidateExperimentResponse:
        resource = rehearsed.checked.compute_resource
        return pb.ValidateExperimentResponse(
            tasks=plans.planned_tasks(rehearsed.plan(), self._bounds, rehearsed.checked.pinned.retries),
            directory=directory(resource, experiment_id, _PROCESS),
            verdicts=[_verdict(each) for each in rehearsed.judgement.verdicts],
            target=plans.target(resource),
            experiment=pb.Experiment(experiment_id=experiment_id),
        )

    def _add_script(self, who: Identity, response: pb.ValidateExperimentResponse) -> None:
        submission = next(each for each in response.tasks if each.task_id == SUBMIT)
        request = executor_pb2.RenderJobScriptRequest(
            target=response.target,
            job_submission=submission.spec.job_submission,
            experiment_id=response.experiment.experiment_id,
            task_id=SUBMIT,
        )
        told = self._executors.job_script(who.tenant, request)
        response.job_script = told.answer or ""
        response.job_script_error = told.error

    def _add_report(self, who: Identity, rehearsed: Rehearsed, response: pb.ValidateExperimentResponse) -> None:
        if not rightful(rehearsed.judgement):
            response.compute_resource_report_error = _NOT_ASKED
            return
        told = self._executors.report(who.tenant, response.target)
        response.compute_resource_report_error = told.error
        if told.answer is not None:
            response.compute_resource_report.CopyFrom(told.answer)

    def _mark(self, who: Identity, checked: Granted[Experiment]) -> Granted[Experiment]:
        """The experiment, VALIDATED where it still asks for what was checked and has not been launched."""
        with self._db.write() as tx:
            granted = self._access.experiment(tx, who, checked.row.experiment_id, Permission.READ, lock=True)
            row = granted.row
            if row.spec != checked.row.spec or not legal(row.state, ExperimentState.VALIDATED):
                return granted
            row = replace(row, state=ExperimentState.VALIDATED, update_time=now_us(), revision=row.revision + 1)
            experiments.update(tx, [row])
            after_commit(tx, lambda: self._wakeups.notify(row.experiment_id))
        return replace(granted, row=row)


def _verdict(verdict: Verdict) -> pb.Verdict:
    return pb.Verdict(rule=verdict.rule, allowed=verdict.allowed, reason=verdict.reason)
