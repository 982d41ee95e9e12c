"""Use cases of experiments as they are kept: create, clone, get, list."""

from __future__ import annotations

from typing import TypeVar

from services.chassis.clock import now_us
from services.chassis.db import Database
from services.chassis.ids import new_id
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import Identity
from services.experiment.domain.access import Permission
from services.experiment.domain.filters import Filters
from services.experiment.domain.records import Experiment
from services.experiment.domain.transitions import ExperimentState
from services.experiment.handlers.access import Access
from services.experiment.handlers.checking import Checker
from services.experiment.storage import experiments, processes
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb

_Request = pb.CreateExperimentRequest | pb.CloneExperimentRequest
_Answer = TypeVar("_Answer", pb.CreateExperimentResponse, pb.CloneExperimentResponse)


class Experiments:
    """Create, clone, get and list experiments."""

    def __init__(self, db: Database, requests: Requests, access: Access, checker: Checker) -> None:
        """`checker` looks at all that is to be stored."""
        self._db = db
        self._requests = requests
        self._access = access
        self._checker = checker

    def create(self, who: Identity, request: pb.CreateExperimentRequest) -> pb.CreateExperimentResponse:
        """Store an experiment that was found sound."""
        with self._db.read() as tx:
            first = self._requests.recalled(tx, request, pb.CreateExperimentResponse)
        kind = pb.CreateExperimentResponse
        return first or self._access.judged(who, lambda: self._add(who, request, request.spec, kind))

    def clone(self, who: Identity, request: pb.CloneExperimentRequest) -> pb.CloneExperimentResponse:
        """Store another experiment, the caller's, that asks for the same."""
        return self._access.judged(who, lambda: self._clone(who, request))

    def _clone(self, who: Identity, request: pb.CloneExperimentRequest) -> pb.CloneExperimentResponse:
        with self._db.read() as tx:
            first = self._requests.recalled(tx, request, pb.CloneExperimentResponse)
            if first is not None:
                return first
            row = self._access.experiment(tx, who, request.experiment_id, Permission.READ).row
        spec = pb.ExperimentSpec.FromString(row.spec)
        spec.MergeFrom(pb.ExperimentSpec(name=request.name, project=request.project))
        return self._add(who, request, spec, pb.CloneExperimentResponse)

    def get(self, who: Identity, request: pb.GetExperimentRequest) -> pb.GetExperimentResponse:
        """An experiment with its latest process and that process's tasks."""
        return self._access.judged(who, lambda: self._get(who, request))

    def _get(self, who: Identity, request: pb.GetExperimentRequest) -> pb.GetExperimentResponse:
        with self._db.read() as tx:
            granted = self._access.experiment(tx, who, request.experiment_id, Permission.READ)
            process_id = granted.row.process_id
            process = processes.find(tx, who.tenant, process_id) if process_id else None
            tasks = processes.tasks(tx, who.tenant, process_id) if process else []
        return pb.GetExperimentResponse(
            experiment=wire.experiment(granted.row, granted.permission),
            process=wire.process(process) if process else None,
            tasks=[wire.task(each) for each in tasks],
        )

    def list_page(self, who: Identity, request: pb.ListExperimentsRequest) -> pb.ListExperimentsResponse:
        """A page of the experiments the caller may see, the newest first."""
        limit = page_limit(request.page_size)
        before = _place(request.page_token)
        with self._db.read() as tx:
            seen = self._access.visibility(tx, who)
            page = experiments.page(tx, who.tenant, seen, _filters(request), before, limit)
            permissions = self._access.permissions(tx, who, page.items)
        token = encode_token(page.items[-1].create_time, page.items[-1].experiment_id) if page.more else ""
        messages = [wire.experiment(row, permissions[row.experiment_id]) for row in page.items]
        return pb.ListExperimentsResponse(experiments=messages, next_page_token=token)

    def _add(self, who: Identity, request: _Request, spec: pb.ExperimentSpec, kind: type[_Answer]) -> _Answer:
        row = _new(who, self._checker.check(who, spec, new=("project", "application")).pinned)

        with self._db.write() as tx:

            def insert() -> _Answer:
                self._checker.demand_open(tx, who, row.project)
                experiments.insert(tx, who.tenant, row, spec.tags)
                return kind(experiment=wire.experiment(row, Permission.OWNER))

            return self._requests.once(tx, request, kind, insert)


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
        application=spec.application,
    )


def _filters(request: pb.ListExperimentsRequest) -> Filters:
    return Filters(
        project=request.project,
        states=tuple(sorted({ExperimentState(each) for each in request.states})),
        owner=request.owner,
        tag=request.tag,
        application=request.application,
    )


def _place(page_token: str) -> tuple[int, str] | None:
    match decode_token(page_token):
        case ():
            return None
        case (time, experiment_id) if is_number(time):
            return int(time), experiment_id
    raise foreign_token()
