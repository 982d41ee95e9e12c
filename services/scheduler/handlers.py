"""What the scheduler does: take up launches, follow intents, apply reports, keep time, answer operators.

Everything that moves a process is one transaction that locks its run first, and may be done again without harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Column

from services.chassis.bus.topics import TASK_TOPICS
from services.chassis.db import Database, Tx, after_commit
from services.chassis.errors import NotFound
from services.chassis.failpoints import failpoint
from services.chassis.inbox import Inbox
from services.chassis.outbox import Outbox
from services.chassis.outcomes import FOREIGN_TENANT, REPLAYED, STALE, UNKNOWN
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, page_limit
from services.scheduler import early, histories, holds, hosts, storage, wire
from services.scheduler.domain.explaining import Explained, explain
from services.scheduler.domain.intents import follow, supersedes
from services.scheduler.domain.model import HistoryNews, HostTold, Intended, Launch, ParkingTold, Report, Run, Task
from services.scheduler.domain.states import Lane
from services.scheduler.leases import Shards
from services.scheduler.plans import Plan, new_run, new_tasks, plan_nodes, verify
from services.scheduler.runs import Batch, Rules, Unheeded
from services.scheduler.schema import task as task_table
from services.scheduler.walker import PlanUnwalkableError

DUE_AT_ONCE = 500
"""Most tasks, and most runs, one transaction of the timers moves."""
IDLE = 1.0
"""Seconds after which to look again in any case: another scheduler may have planned something, and died."""
REMEMBERED_US = 4 * 24 * 3600 * 1_000_000
"""How long ids of messages are kept: the topics' retention and a day."""
FORGET_EVERY = 3600.0

_NEXT_ATTEMPT = task_table.c.next_attempt_us
_RESEND = task_table.c.resend_us


class Plans(Protocol):
    """Where plans come from."""

    def fetch(self, launches: Sequence[Launch]) -> list[Plan]:
        """The plans of these launches, in order. Unavailable where they cannot be had now."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The use cases. Whoever is in `attempts_planned` is told of every next attempt planned: it may be due first."""

    db: Database
    outbox: Outbox
    inbox: Inbox
    shards: Shards
    plans: Plans
    rules: Rules
    attempts_planned: list[Callable[[], None]] = field(default_factory=list)

    def take(
        self,
        launches: Sequence[Launch],
        reports: Sequence[Report],
        intents: Sequence[Intended] = (),
        told: Sequence[HostTold] = (),
        news: Sequence[HistoryNews] = (),
        *,
        parkings: Sequence[ParkingTold] = (),
    ) -> Unheeded:
        """Takes up launched processes, follows intents, applies reports, heeds which messages are parked, keeps what
        was told of hosts and does what the news of histories ask for: all in one transaction, or nothing. Returns how
        many of them changed nothing.
        """
        planned, unheeded = self._planned(launches)
        if not (planned or intents or reports or told or news or parkings):
            return unheeded
        with self.db.write() as tx:
            unheeded[HostTold, STALE] += len(told) - hosts.keep(tx, told)
            batch = Batch(tx, self.db.now_us(tx), self.rules)
            fresh = self.inbox.admit(tx, [launch.message_id for launch, _ in planned])
            launched = {launch.process_id for launch, _ in planned}
            touched: list[Report | Intended | ParkingTold] = [*reports, *intents, *parkings]
            batch.lock({each.process_id for each in touched} | launched)
            new = [each for each in planned if each[0].message_id in fresh and each[0].process_id not in batch.runs]
            unheeded[Launch, REPLAYED] += len(planned) - len(new)
            known = [each for each in intents if each.process_id in batch.runs]
            self._take_up(batch, new, [each for each in intents if each.process_id not in batch.runs])
            for intended in known:
                batch.follow(intended)
            batch.load((report.process_id, report.task_id) for report in reports)
            batch.load_job_owners()
            for report in reports:
                batch.apply(report)
            unheeded[ParkingTold, REPLAYED] += self._heed(batch, parkings)
            batch.finish(self.outbox)
            unheeded[HistoryNews, UNKNOWN] += histories.take(tx, self.outbox, news)
            if batch.attempts_planned:
                for tell in self.attempts_planned:
                    after_commit(tx, tell)
            failpoint("scheduler.applying")
        return unheeded + batch.unheeded

    def heed_parking(self, tx: Tx, told: ParkingTold) -> None:
        """Heeds that the scheduler itself has parked a message, or no longer has, in the transaction that does so."""
        batch = Batch(tx, self.db.now_us(tx), self.rules)
        batch.lock({told.process_id})
        if batch.concerns(told):
            batch.heed(told)
        batch.finish(self.outbox)

    def open_due_attempts(self) -> float:
        """Opens the attempts whose time has come; returns in how many seconds the next may be due, at most IDLE."""
        wait = self._until_due(_NEXT_ATTEMPT)
        if wait > 0:
            return wait
        with self.db.write() as tx:
            batch = Batch(tx, self.db.now_us(tx), self.rules)
            due = self._due(batch, _NEXT_ATTEMPT)
            for task in due:
                batch.take_turn(task)
            batch.finish(self.outbox)
        return 0.0 if due else IDLE

    def send_unanswered_again(self) -> float:
        """Repeats dispatches no executor has answered for too long; returns in how many seconds to look again."""
        wait = self._until_due(_RESEND)
        if wait > 0:
            return wait
        with self.db.write() as tx:
            batch = Batch(tx, self.db.now_us(tx), self.rules)
            due = self._due(batch, _RESEND)
            for task in due:
                batch.send_again(task, self.outbox)
            batch.finish(self.outbox)
        return 0.0 if due else IDLE

    def follow_holds(self) -> float:
        """Has runs wait that holds keep by now, and go on that none keeps any more; returns in how many seconds to look
        again.

        Whoever touches a run does as much for it. This is for those that nothing else touches, and it takes up what a
        scheduler that died has left.
        """
        with self.db.read() as tx:
            if not holds.unsettled_shards(tx):
                return IDLE
        with self.db.write() as tx:
            batch = Batch(tx, self.db.now_us(tx), self.rules)
            shards = self.shards.take(tx, holds.unsettled_shards(tx))
            batch.lock(holds.unsettled(tx, shards, DUE_AT_ONCE))
            batch.finish(self.outbox)
        return 0.0 if batch.runs else IDLE

    def forget_old_messages(self) -> float:
        """Forgets the ids of messages that no topic keeps any more; returns in how many seconds to look again."""
        with self.db.write() as tx:
            self.inbox.purge(tx, self.db.now_us(tx) - REMEMBERED_US)
        return FORGET_EVERY

    def get_run(self, tenant: str, process_id: str) -> tuple[Run, list[Task]]:
        """A run of the tenant with its tasks; NotFound where the scheduler has not taken up such a process."""
        with self.db.read() as tx:
            return _run_of(tx, tenant, process_id)

    def explain_run(self, tenant: str, process_id: str) -> list[Explained]:
        """What a process of the tenant waits for; NotFound where the scheduler has not taken it up."""
        with self.db.read() as tx:
            run, tasks = _run_of(tx, tenant, process_id)
            lanes = self.outbox.lanes(tx, process_id, [topic.name for topic in TASK_TOPICS.values()])
        sent = {task.task_id: Lane(lanes[ref]) for task in tasks if (ref := wire.dispatch_ref(task)) in lanes}
        return explain(run, tasks, sent)

    def list_runs(self, tenant: str, page_size: int, page_token: str) -> tuple[list[Run], str]:
        """A page of the tenant's runs that have not ended, the oldest first, and the token of the next page."""
        limit, after = page_limit(page_size), _place(page_token)
        with self.db.read() as tx:
            runs = storage.list_open_runs(tx, tenant, after, limit + 1)
        if len(runs) <= limit:
            return runs, ""
        return runs[:limit], encode_token(runs[limit - 1].created_us, runs[limit - 1].process_id)

    def _heed(self, batch: Batch, parkings: Sequence[ParkingTold]) -> int:
        """Returns how many were heeded before."""
        concerning = [each for each in parkings if batch.concerns(each)]
        # Not before it is known whose they are: another tenant's would hide what comes under the same id.
        fresh = self.inbox.admit(batch.tx, [each.message_id for each in concerning])
        for each in concerning:
            if each.message_id in fresh:
                batch.heed(each)
        return sum(each.message_id not in fresh for each in concerning)

    def _planned(self, launches: Sequence[Launch]) -> tuple[list[tuple[Launch, Plan]], Unheeded]:
        """Fetches and verifies the plans of launches not taken up yet; counts the others."""
        if not launches:
            return [], Counter()
        with self.db.read() as tx:
            known = storage.standing(tx, {launch.process_id for launch in launches})
        fresh = {(each.tenant, each.process_id): each for each in launches if each.process_id not in known}
        taken_up = [launch for launch in launches if launch.process_id in known]
        foreign = sum(known[launch.process_id][0] != launch.tenant for launch in taken_up)
        again = len(launches) - len(fresh) - foreign
        planned = list(zip(fresh.values(), self.plans.fetch(list(fresh.values())), strict=True))
        for launch, plan in planned:
            verify(launch, plan)
        return planned, Counter({(Launch, FOREIGN_TENANT): foreign, (Launch, REPLAYED): again})

    @staticmethod
    def _take_up(batch: Batch, planned: Sequence[tuple[Launch, Plan]], intents: Sequence[Intended]) -> None:
        """Starts new processes as they are wanted by now, whether that came before this batch or with it: `intents` are
        of processes not taken up before.
        """
        launched = {launch.process_id: launch.tenant for launch, _ in planned}
        foreign = sum(launched.get(each.process_id, each.tenant) != each.tenant for each in intents)
        batch.unheeded[Intended, FOREIGN_TENANT] += foreign
        early.keep(batch.tx, intents)
        wanted = {(each.tenant, each.process_id): each for each in early.take(batch.tx, launched)} if launched else {}
        for launch, plan in planned:
            _launch(batch, launch, plan, wanted.get((launch.tenant, launch.process_id)))

    def _until_due(self, due: Column[Any]) -> float:
        with self.db.read() as tx:
            earliest = storage.earliest(tx, due)
            return IDLE if earliest is None else min(IDLE, (earliest - self.db.now_us(tx)) / 1_000_000)

    def _due(self, batch: Batch, due: Column[Any]) -> list[Task]:
        """Locks and takes up the tasks whose time has come, of the shards this scheduler can take."""
        shards = self.shards.take(batch.tx, storage.due_shards(batch.tx, due, batch.now))
        keys = storage.due_tasks(batch.tx, due, shards, batch.now, DUE_AT_ONCE)
        batch.lock({process_id for process_id, _ in keys})
        batch.load(keys)
        # Read again under the lock: whoever held it before may have moved the task.
        times = ((task, getattr(task, due.name)) for task in batch.tasks.values())
        return [task for task, time in times if time is not None and time <= batch.now]


def _launch(batch: Batch, launch: Launch, plan: Plan, wanted: Intended | None) -> None:
    run = new_run(launch, plan, batch.now)
    if wanted is not None and supersedes(run, wanted):
        follow(run, wanted)
    try:
        nodes = plan_nodes(plan)
    except PlanUnwalkableError as error:
        batch.refuse(run, f"the plan cannot be carried out: {error}")
    else:
        batch.launch(run, new_tasks(run, plan, nodes), nodes)


def _run_of(tx: Tx, tenant: str, process_id: str) -> tuple[Run, list[Task]]:
    run = storage.get_run(tx, tenant, process_id)
    if run is None:
        raise NotFound("run", process_id)
    return run, storage.list_tasks(tx, tenant, process_id)


def _place(page_token: str) -> tuple[int, str] | None:
    match decode_token(page_token):
        case ():
            return None
        case (created, process_id) if is_number(created):
            return int(created), process_id
    raise foreign_token()
