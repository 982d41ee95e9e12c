"""Why an experiment is where it is: what it waits for, since when, and what happens next, in words."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.clock import to_timestamp
from services.chassis.db import Database
from services.chassis.outbox import Outbox
from services.chassis.rpc.auth import Identity
from services.experiment.domain.access import Permission
from services.experiment.domain.records import Experiment, Process
from services.experiment.domain.transitions import ExperimentState
from services.experiment.handlers.access import Access
from services.experiment.peers import Explainers
from services.experiment.storage import processes
from vahana.event.v1.explanation_pb2 import Explanation
from vahana.experiment.v1 import experiment_pb2 as pb

_NOT_LAUNCHED = frozenset({ExperimentState.CREATED, ExperimentState.VALIDATED})
_ENDED = frozenset({ExperimentState.COMPLETED, ExperimentState.FAILED, ExperimentState.CANCELED})


class Explaining:
    """Explains experiments, asking scheduler and executors with no transaction open."""

    def __init__(self, db: Database, access: Access, outbox: Outbox, explainers: Explainers) -> None:
        """`outbox` is what tells the scheduler of launches."""
        self._db, self._access, self._outbox, self._explainers = db, access, outbox, explainers

    def explain(self, who: Identity, request: pb.ExplainExperimentRequest) -> pb.ExplainExperimentResponse:
        """What the experiment waits for; nothing where it has ended."""
        return self._access.judged(who, lambda: self._explain(who, request))

    def _explain(self, who: Identity, request: pb.ExplainExperimentRequest) -> pb.ExplainExperimentResponse:
        with self._db.read() as tx:
            row = self._access.experiment(tx, who, request.experiment_id, Permission.READ).row
            process = processes.find(tx, who.tenant, row.process_id) if row.process_id else None
            unsent = process is not None and self._outbox.is_unsent(tx, process.process_id)
        return pb.ExplainExperimentResponse(
            experiment_id=row.experiment_id,
            state=row.state.value,  # type: ignore[arg-type]
            process_id=row.process_id,
            explanations=self._of(who.tenant, row, process, unsent=unsent),
        )

    def _of(self, tenant: str, row: Experiment, process: Process | None, *, unsent: bool) -> Sequence[Explanation]:
        if row.state in _ENDED:
            return []
        if process is None or row.state in _NOT_LAUNCHED:
            return [_told("a person: it was never launched", row.update_time, "it is planned once it is launched")]
        told = self._explainers.run(tenant, process.process_id)
        if told.answer is None:
            return [_without_scheduler(process, told.error, unsent=unsent)]
        return _closer(told.answer, self._explainers.claims(tenant, process.process_id).answer or [])


def _without_scheduler(process: Process, error: str, *, unsent: bool) -> Explanation:
    if unsent:
        return _told("Kafka: the news of its launch could not be sent yet", process.update_time, "it is sent again")
    if error:
        known = f"known last: {process.state.name}{f', {process.reason}' if process.reason else ''}"
        return _told(f"the scheduler, which does not answer ({error}); {known}", process.update_time, "ask again")
    return _told("the scheduler, which has not taken it up yet", process.create_time, "it is taken up")


def _closer(of_scheduler: Sequence[Explanation], of_executors: Sequence[Explanation]) -> list[Explanation]:
    """Who works on a task knows better what it waits for than who gave it the order."""
    known = {each.task_id: each for each in of_executors}
    return [known.get(each.task_id, each) if each.task_id else each for each in of_scheduler]


def _told(waits_for: str, since_us: int, after: str) -> Explanation:
    return Explanation(waits_for=waits_for, since=to_timestamp(since_us), next=after)
