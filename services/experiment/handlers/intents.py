"""What people want of processes: that they go on, wait, or end."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.bus.topics import PROCESS
from services.chassis.clock import now_us
from services.chassis.db import Database, Tx, after_commit
from services.chassis.errors import Unavailable, WrongState
from services.chassis.outbox import Outbox
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.access import Permission
from services.experiment.domain.intents import asked, refusal
from services.experiment.domain.records import Experiment, Process
from services.experiment.domain.transitions import ProcessIntent
from services.experiment.handlers.access import Access, Granted
from services.experiment.storage import experiments, processes
from services.experiment.wire import messages
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb

_Request = pb.CancelExperimentRequest | pb.PauseExperimentRequest | pb.ResumeExperimentRequest


class Intents:
    """Cancel, pause and resume the latest processes of experiments."""

    def __init__(self, db: Database, access: Access, *, outbox: Outbox, wakeups: Wakeups) -> None:
        """`outbox` carries what is wanted to the scheduler, `wakeups` to those who watch."""
        self._db = db
        self._access = access
        self._outbox = outbox
        self._wakeups = wakeups

    def cancel(self, who: Identity, request: pb.CancelExperimentRequest) -> pb.CancelExperimentResponse:
        """Ask for the end of it."""
        return pb.CancelExperimentResponse(experiment=self._wanted(who, request, ProcessIntent.CANCEL))

    def pause(self, who: Identity, request: pb.PauseExperimentRequest) -> pb.PauseExperimentResponse:
        """Ask that nothing new begins."""
        return pb.PauseExperimentResponse(experiment=self._wanted(who, request, ProcessIntent.PAUSE))

    def resume(self, who: Identity, request: pb.ResumeExperimentRequest) -> pb.ResumeExperimentResponse:
        """Let it go on."""
        return pb.ResumeExperimentResponse(experiment=self._wanted(who, request, ProcessIntent.RUN))

    def _wanted(self, who: Identity, request: _Request, intent: ProcessIntent) -> pb.Experiment:
        return self._access.judged(who, lambda: self._want(who, request, intent))

    def _want(self, who: Identity, request: _Request, intent: ProcessIntent) -> pb.Experiment:
        with self._db.write() as tx:
            process, granted = self._locked(tx, who, request.experiment_id)
            refused = refusal(granted.row, process, intent)
            if refused or process is None:
                raise WrongState(refused)
            row = granted.row
            if process.intent is not intent:
                row = self._tell(tx, who, request.comment, row, replace(process, intent=intent))
        return wire.experiment(row, granted.permission)

    def _locked(self, tx: Tx, who: Identity, experiment_id: str) -> tuple[Process | None, Granted[Experiment]]:
        """The latest process, then its experiment: in the order in which what the mesh reports locks them."""
        process_id = self._access.experiment(tx, who, experiment_id, Permission.WRITE).row.process_id
        process = processes.find(tx, who.tenant, process_id, lock=True) if process_id else None
        granted = self._access.experiment(tx, who, experiment_id, Permission.WRITE, lock=True)
        if granted.row.process_id != process_id:
            raise Unavailable(f"experiment {experiment_id!r} is being launched; repeat the call")
        return process, granted

    def _tell(self, tx: Tx, who: Identity, comment: str, row: Experiment, process: Process) -> Experiment:
        now = now_us()
        process = replace(process, intent_seq=process.intent_seq + 1, revision=process.revision + 1, update_time=now)
        row = replace(asked(row, process.intent, who.subject, comment), revision=row.revision + 1, update_time=now)
        processes.intend(tx, process)
        experiments.update(tx, [row])
        message = messages.intended(process, who.subject, comment)
        process_id = process.process_id
        self._outbox.add(tx, PROCESS, process_id, message.SerializeToString(), ref=process_id)
        after_commit(tx, lambda: self._wakeups.notify(row.experiment_id))
        return row
