"""Runs one claim: builds what its task needs, runs it outside of any transaction, and tells what became of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis import clock, log
from services.chassis.db import Database
from services.chassis.errors import Refusal, Unavailable
from services.executor import storage, wire
from services.executor.batch.api import JobManager
from services.executor.channels.api import Channel, Channels
from services.executor.channels.contact import ContactChannel
from services.executor.channels.interruptible import InterruptibleChannel
from services.executor.claims import Ledger, Verdict
from services.executor.domain.cancels import LEAVES_JOBS
from services.executor.domain.claims import Claim
from services.executor.domain.outcomes import Canceled, Outcome
from services.executor.domain.troubles import CONTACT, Condition, Failure, Trouble, Waiting
from services.executor.interrupts import Interrupt, Interrupted
from services.executor.tasks import TASKS, Task
from services.executor.tasks.context import FileStore, TaskContext
from vahana.event.v1 import event_pb2, task_pb2

_log = log.get(__name__)


@dataclass
class World:
    """What tasks reach the world through."""

    channels: Channels
    files: FileStore
    managers: Mapping[int, JobManager]
    """By task_pb2.JobManager."""


class Runner:
    """Does the work of one claim at a time, on the thread that calls it."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        world: World,
        *,
        tasks: Mapping[int, Task] = TASKS,
        linger_seconds: float = 1.0,
    ) -> None:
        """`linger_seconds`: how long short commands are waited for."""
        self._db, self._ledger, self._world, self._tasks = db, ledger, world, tasks
        self._linger_ms = int(linger_seconds * 1000)

    def run(self, claim: Claim, interrupt: Interrupt) -> tuple[Claim, Verdict]:
        """Work on a claim until there is a verdict; return that, and the claim as it was last written.

        `interrupt` is told when the attempt is to be ended. What leaves jobs on the host is short, and not cut off: its
        verdict is written, and the claim then handed to who looks for its jobs.
        """
        turn = _Turn(self._db, self._ledger, claim, interrupt)
        verdict = self._verdict(turn)
        return turn.claim, verdict

    def _verdict(self, turn: _Turn) -> Outcome | Trouble:
        claim = turn.claim
        try:
            turn.interrupt.check()
            return self._tasks[claim.type](self._context(turn))
        except Interrupted:
            return Canceled()
        except Trouble as trouble:
            return trouble
        except Unavailable as error:
            return unavailable(error)
        except Refusal as error:
            return Failure(Condition.UNKNOWN, f"a service of the mesh refused: {error.message}")
        except Exception as error:
            _log.exception("task crashed", claim=claim.key.ref)
            reason = f"the executor met something it does not know: {type(error).__name__}: {error}"
            return Failure(Condition.UNKNOWN, reason, retryable=True)

    def _context(self, turn: _Turn) -> TaskContext:
        claim = turn.claim
        dispatch = event_pb2.TaskDispatched.FromString(claim.dispatch)
        site = wire.site_of(claim.tenant, dispatch.target)
        channel: Channel = self._world.channels.channel(site, claim.process_id)
        if claim.type not in LEAVES_JOBS:
            channel = InterruptibleChannel(channel, turn.interrupt)
        return TaskContext(
            tenant=claim.tenant,
            dispatch=dispatch,
            epoch=claim.epoch,
            channel=ContactChannel(channel, turn.going_on) if claim.blocked and claim.waits_for in CONTACT else channel,
            files=self._world.files,
            jobs=manager(self._world.managers, dispatch.target),
            others_live=turn.others_live,
            now_us=clock.now_us,
            linger_ms=self._linger_ms,
        )


def manager(managers: Mapping[int, JobManager], target: task_pb2.Target) -> JobManager:
    """Return the job manager of a target; one that is not set is FORK."""
    number = target.job_manager or task_pb2.JOB_MANAGER_FORK
    if number not in managers:
        served = ", ".join(task_pb2.JobManager.Name(each) for each in managers)  # type: ignore[arg-type]
        raise Failure(Condition.UNKNOWN, f"no executor serves the job manager number {number}; served are: {served}")
    return managers[number]


def unavailable(error: Unavailable) -> Waiting:
    """Return what it means for a task that another service does not answer. The details, which differ from try to try,
    stay in the log: an event is told for every new reason.
    """
    _log.warning("a service does not answer", reason=error.message)
    return Waiting(Condition.SERVICE_UNAVAILABLE, error.message.partition(":")[0])


class _Turn:
    """The claim as the worker last wrote it."""

    def __init__(self, db: Database, ledger: Ledger, claim: Claim, interrupt: Interrupt) -> None:
        self._db, self._ledger, self.claim, self.interrupt = db, ledger, claim, interrupt

    def others_live(self) -> bool:
        with self._db.read() as tx:
            return storage.others_live(tx, self.claim.key)

    def going_on(self) -> None:
        if not self.claim.blocked:
            return
        (after,) = self._db.together(lambda tx: self._ledger.settle(tx, [(self.claim, None)]))
        # Lost to another: the verdict will not be written either.
        self.claim = after or dataclasses.replace(self.claim, blocked=False)
