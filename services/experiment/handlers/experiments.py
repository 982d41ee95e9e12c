"""Use cases of experiments up to their launch: create, validate, get, list."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.clock import now_us
from services.chassis.db import Database
from services.chassis.errors import FieldViolation, InvalidFields, NotFound
from services.chassis.ids import new_id
from services.chassis.paging import decode_token, encode_token, page_limit
from services.chassis.rpc.auth import Identity
from services.experiment.domain.records import Experiment
from services.experiment.domain.transitions import ExperimentState, legal
from services.experiment.handlers.answers import Answers
from services.experiment.handlers.checking import Checker
from services.experiment.storage import experiments, processes
from services.experiment.wire import plans
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb


class Experiments:
    """Create, validate, get and list experiments."""

    def __init__(self, db: Database, answers: Answers, checker: Checker, bounds: plans.Bounds) -> None:
        """`bounds` are those of the attempts of every planned task."""
        self._db = db
        self._answers = answers
        self._checker = checker
        self._bounds = bounds

    def create(self, who: Identity, request: pb.CreateExperimentRequest) -> pb.CreateExperimentResponse:
        """Store an experiment that was found sound."""
        with self._db.read() as tx:
            first = self._answers.recall(tx, who, request, pb.CreateExperimentResponse)
        if first is not None:
            return first
        row = _new(who, self._checker.check(who.tenant, request.spec).pinned)
        with self._db.write() as tx:
            first = self._answers.recall(tx, who, request, pb.CreateExperimentResponse)
            if first is not None:
                return first
            experiments.insert(tx, who.tenant, row)
            response = pb.CreateExperimentResponse(experiment=wire.experiment(row))
            self._answers.remember(tx, who, request, response)
        return response

    def validate(self, who: Identity, request: pb.ValidateExperimentRequest) -> pb.ValidateExperimentResponse:
        """Check an experiment as it stands, and show what a launch would run."""
        with self._db.read() as tx:
            row = required(experiments.find(tx, who.tenant, request.experiment_id), request.experiment_id)
        checked = self._checker.check(who.tenant, pb.ExperimentSpec.FromString(row.spec))
        with self._db.write() as tx:
            row = required(experiments.find(tx, who.tenant, row.experiment_id, lock=True), row.experiment_id)
            if legal(row.state, ExperimentState.VALIDATED):
                row = moved(row, ExperimentState.VALIDATED)
                experiments.update(tx, [row])
        tasks = [plans.planned_task(each, self._bounds) for each in checked.plan()]
        return pb.ValidateExperimentResponse(experiment=wire.experiment(row), tasks=tasks)

    def get(self, who: Identity, request: pb.GetExperimentRequest) -> pb.GetExperimentResponse:
        """An experiment with its latest process and that process's tasks."""
        with self._db.read() as tx:
            row = required(experiments.find(tx, who.tenant, request.experiment_id), request.experiment_id)
            process = processes.find(tx, who.tenant, row.process_id) if row.process_id else None
            tasks = processes.tasks(tx, who.tenant, row.process_id) if process else []
        return pb.GetExperimentResponse(
            experiment=wire.experiment(row),
            process=wire.process(process) if process else None,
            tasks=[wire.task(each) for each in tasks],
        )

    def list_page(self, who: Identity, request: pb.ListExperimentsRequest) -> pb.ListExperimentsResponse:
        """A page of experiments, the newest first."""
        limit = page_limit(request.page_size)
        before = _place(request.page_token)
        with self._db.read() as tx:
            rows = experiments.page(tx, who.tenant, request.project, before, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        token = encode_token(last.create_time, last.experiment_id) if last else ""
        return pb.ListExperimentsResponse(
            experiments=[wire.experiment(row) for row in rows[:limit]], next_page_token=token
        )


def required(row: Experiment | None, experiment_id: str) -> Experiment:
    """The experiment; NotFound where there is none."""
    if row is None:
        raise NotFound("experiment", experiment_id)
    return row


def moved(row: Experiment, state: ExperimentState, process_id: str = "") -> Experiment:
    """The experiment in another state, and changed now."""
    return replace(row, state=state, process_id=process_id, update_time=now_us(), revision=row.revision + 1)


def _new(who: Identity, spec: pb.ExperimentSpec) -> Experiment:
    now = now_us()
    return Experiment(
        experiment_id=new_id("exp"),
        project=spec.project,
        spec=spec.SerializeToString(),
        state=ExperimentState.CREATED,
        reason="",
        condition_code=0,
        process_id="",
        owner=who.subject,
        create_time=now,
        update_time=now,
        revision=1,
    )


def _place(page_token: str) -> tuple[int, str] | None:
    match decode_token(page_token):
        case ():
            return None
        case (time, experiment_id) if time.isdecimal() and len(time) < 19:
            return int(time), experiment_id
    raise InvalidFields([FieldViolation("page_token", "is of another list: send next_page_token as it came")])
