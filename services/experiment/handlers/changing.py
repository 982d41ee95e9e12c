"""Changes of what experiments ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis import masks
from services.chassis.clock import now_us
from services.chassis.db import Database, after_commit
from services.chassis.errors import StaleRevision, WrongState
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.access import Permission
from services.experiment.domain.records import Experiment
from services.experiment.domain.transitions import CHANGEABLE, ExperimentState
from services.experiment.handlers.access import Access, Granted
from services.experiment.handlers.checking import Checker, bound
from services.experiment.storage import experiments
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb

_ALWAYS = frozenset({"name", "description", "tags"})
_FIELDS = frozenset(pb.ExperimentSpec.DESCRIPTOR.fields_by_name)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class _Change:
    """What an experiment is to ask for: sound beside `before`, the serialised spec it was made of."""

    before: bytes
    after: pb.ExperimentSpec


class Changing:
    """Updates experiments."""

    def __init__(self, db: Database, access: Access, checker: Checker, wakeups: Wakeups) -> None:
        """`checker` looks at what a launch would go by; `wakeups` tells those who watch."""
        self._db = db
        self._access = access
        self._checker = checker
        self._wakeups = wakeups

    def update(self, who: Identity, request: pb.UpdateExperimentRequest) -> pb.UpdateExperimentResponse:
        """Change what the mask names, once what comes of it was found sound."""
        granted = self._access.judged(who, lambda: self._updated(who, request))
        return pb.UpdateExperimentResponse(experiment=wire.experiment(granted.row, granted.permission))

    def _updated(self, who: Identity, request: pb.UpdateExperimentRequest) -> Granted[Experiment]:
        for _ in range(_TRIES):
            change = self._change(who, request)
            granted = self._store(who, request, change)
            if granted is not None:
                return granted
        raise StaleRevision(f"experiment {request.experiment_id!r} is changed by others all the time: repeat the call")

    def _change(self, who: Identity, request: pb.UpdateExperimentRequest) -> _Change:
        with self._db.read() as tx:
            row = self._access.experiment(tx, who, request.experiment_id, _needed(request)).row
        _refuse(row, request)
        spec = _merged(row, request)
        if _content(request):
            spec = self._checker.check(who, spec, new=request.update_mask.paths).pinned
        return _Change(row.spec, spec)

    def _store(self, who: Identity, request: pb.UpdateExperimentRequest, change: _Change) -> Granted[Experiment] | None:
        """The changed experiment; None where what it asked for is not what was looked at any more."""
        with self._db.write() as tx:
            granted = self._access.experiment(tx, who, request.experiment_id, _needed(request), lock=True)
            _refuse(granted.row, request)
            if _content(request) and granted.row.spec != change.before:
                return None
            if "project" in request.update_mask.paths:
                self._checker.demand_open(tx, who, change.after.project)
            row = _changed(granted.row, change.after if _content(request) else _merged(granted.row, request))
            row = replace(row, state=ExperimentState.CREATED) if _content(request) else row
            experiments.respecify(tx, who.tenant, row, pb.ExperimentSpec.FromString(row.spec).tags)
            after_commit(tx, lambda: self._wakeups.notify(row.experiment_id))
        return replace(granted, row=row)


def _needed(request: pb.UpdateExperimentRequest) -> Permission:
    """A project's owner may do all with what is in it: only who may give an experiment away may move it."""
    return Permission.OWNER if "project" in request.update_mask.paths else Permission.WRITE


def _content(request: pb.UpdateExperimentRequest) -> bool:
    """Whether a launch would go by any of it."""
    return not _ALWAYS.issuperset(request.update_mask.paths)


def _refuse(row: Experiment, request: pb.UpdateExperimentRequest) -> None:
    masks.check_revision(row.revision, request.revision)
    if _content(request) and row.state not in CHANGEABLE:
        raise WrongState(
            f"experiment {row.experiment_id!r} is {row.state.name}: once it is launched only name, description and "
            "tags can be changed; clone it to run something else"
        )


def _merged(row: Experiment, request: pb.UpdateExperimentRequest) -> pb.ExperimentSpec:
    spec = pb.ExperimentSpec.FromString(row.spec)
    masks.merge(spec, request.spec, request.update_mask, _FIELDS)
    if "application" in request.update_mask.paths and "application_version" not in request.update_mask.paths:
        # The version that is stored is one of the application it asked for so far.
        spec.ClearField("application_version")
    masks.check_whole(spec, prefix="spec")
    bound(spec)
    return spec


def _changed(row: Experiment, spec: pb.ExperimentSpec) -> Experiment:
    return replace(
        row,
        spec=spec.SerializeToString(),
        project=spec.project,
        application=spec.application,
        update_time=now_us(),
        revision=row.revision + 1,
    )
