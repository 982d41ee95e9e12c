"""One transaction's work on runs: loads what is needed, moves it, walks on, and writes records and messages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from services.chassis import log
from services.chassis.outbox import Outbox, OutboxRow
from services.chassis.outcomes import FOREIGN_TENANT, REPLAYED, STALE, UNKNOWN
from services.scheduler import holds, parking, storage, walker, wire
from services.scheduler.domain import intents, progress
from services.scheduler.domain.holds import Hold, settle
from services.scheduler.domain.intents import Effect, doomed
from services.scheduler.domain.model import (
    HistoryNews,
    HostTold,
    Intended,
    Launch,
    ParkingTold,
    Report,
    Run,
    Task,
    TaskKey,
)
from services.scheduler.domain.states import Intent, Phase, TaskState, TaskType
from services.scheduler.retry import Again, Failed, after_failure

_log = log.get("runs")

Unheeded = Counter[tuple[type[Launch | Intended | Report | HostTold | HistoryNews | ParkingTold], str]]
"""How many of which kind changed nothing, and why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the scheduler goes by: when an unanswered dispatch is sent again (microseconds), its dice, in [0, 1), and at
    which hosts (address:port) everything takes long, as a transaction sees it.
    """

    resend_after_us: int
    random: Callable[[], float]
    slow_hosts: Callable[[Connection], Collection[str]] = lambda _tx: frozenset()


class Batch:
    """The runs and tasks one transaction touches: `lock` and `load` take them up, `finish` writes all that changed."""

    def __init__(self, tx: Connection, now: int, rules: Rules) -> None:
        self.tx, self.now, self._rules = tx, now, rules
        self.attempts_planned = False
        self.unheeded: Unheeded = Counter()
        self.runs: dict[str, Run] = {}
        self.tasks: dict[TaskKey, Task] = {}
        self._new: dict[str, Run] = {}
        self._phases: dict[str, Phase] = {}
        self._moved: set[str] = set()
        self._changed: dict[TaskKey, Task] = {}
        self._ends: list[Task] = []
        self._dispatched: list[Task] = []
        self._canceled: list[Task] = []
        self._rows: defaultdict[str, list[OutboxRow]] = defaultdict(list)
        self._holds: dict[str, list[Hold]] = {}

    def lock(self, process_ids: Collection[str]) -> None:
        """Locks the runs of these processes and takes them up; those that holds keep by now wait, and those that none
        keeps any more go on.
        """
        found = storage.lock_runs(self.tx, process_ids)
        for process_id, run in found.items():
            self.runs[process_id], self._phases[process_id] = run, run.phase
        self._follow_holds([run for run in found.values() if not run.ended])

    def load(self, keys: Iterable[TaskKey]) -> None:
        """Takes up tasks of locked runs; those taken up already stay as they are."""
        missing = {key: None for key in keys if key not in self.tasks and key[0] in self.runs}
        self.tasks.update((task.key, task) for task in storage.read_tasks(self.tx, missing))

    def load_job_owners(self) -> None:
        """Takes up the submission tasks of the monitoring tasks at hand: news of a job is kept there."""
        watching = [task for task in self.tasks.values() if task.type is TaskType.MONITORING]
        self.load((task.process_id, task.job_task_id) for task in watching)

    def launch(self, run: Run, tasks: Sequence[Task], nodes: Sequence[walker.Node]) -> None:
        """Takes up a new process and starts on its roots."""
        self._enter(run)
        settle(run, self._holds_over({run.tenant}))
        run.open_tasks = len(tasks)
        self.tasks.update((task.key, task) for task in tasks)
        self._changed.update((task.key, task) for task in tasks)
        ends = [task.task_id for task in tasks if doomed(run, task)]
        self._take_step(run, walker.start(nodes, ends, held=run.held))

    def refuse(self, run: Run, reason: str) -> None:
        """Takes up a new process that cannot be walked, and fails it at once."""
        self._enter(run)
        run.failure = reason

    def follow(self, intended: Intended) -> None:
        """Does what is wanted of a run at hand; what is stale, repeated or of another tenant changes nothing."""
        run = self.runs[intended.process_id]
        if not intents.supersedes(run, intended):
            self.unheeded[Intended, _why_passed_over(run, intended)] += 1
            return
        intents.follow(run, intended)
        self._moved.add(run.process_id)
        if run.intent is Intent.RUN:
            self._go_on([run])
        elif run.intent is Intent.CANCEL:
            found = self._at_hand(storage.tasks_begun(self.tx, run.process_id))
            self.load_job_owners()
            self._release(run, found)
            for task in found:
                self._cancel(run, task)

    def apply(self, report: Report) -> None:
        """Applies what an executor reports; whatever is stale, repeated or of another tenant changes nothing."""
        run, task = self.runs.get(report.process_id), self.tasks.get((report.process_id, report.task_id))
        if run is None or task is None or run.tenant != report.tenant:
            self.unheeded[Report, FOREIGN_TENANT if run is not None and run.tenant != report.tenant else UNKNOWN] += 1
            _log.warning("report of an unknown task ignored", process_id=report.process_id, task_id=report.task_id)
            return
        if not progress.news(task, report):
            again = report.attempt == task.attempt and report.seq <= task.heard
            self.unheeded[Report, REPLAYED if again else STALE] += 1
            return
        self._keep_job(task, report)
        if report.state is TaskState.FAILED and intents.leaves_work(run, task):
            progress.follow_attempt(task)
            self._dispatch(run, task)
            return
        was_troubled = task.trouble is not None
        heard = self._plan_next(run, task, report) if report.state is TaskState.FAILED else report
        if heard is not None:
            progress.hear(task, heard, self.now, self._rules.resend_after_us, canceling=doomed(run, task))
        run.troubled_tasks += (task.trouble is not None) - was_troubled
        self._changed[task.key] = task
        if task.ended:
            self._end(run, task)

    def concerns(self, told: ParkingTold) -> bool:
        """Whether it is about a run at hand, and of its tenant."""
        run = self.runs.get(told.process_id)
        if run is None or run.tenant != told.tenant:
            self.unheeded[ParkingTold, UNKNOWN if run is None else FOREIGN_TENANT] += 1
            return False
        return True

    def heed(self, told: ParkingTold) -> None:
        """Has a run it concerns wait for a message that is parked, or go on where none is any longer."""
        run = self.runs[told.process_id]
        if run.ended and told.parked:
            self.unheeded[ParkingTold, STALE] += 1
            return
        parking.heed(self.tx, told, self.now)
        if not run.ended and parking.settle(self.tx, run):
            self._moved.add(run.process_id)
            self._go_on([run])

    def take_turn(self, task: Task) -> None:
        """Opens the attempt whose time has come, unless the process is paused or on hold."""
        run = self.runs[task.process_id]
        if run.held:
            self._hold(run, task)
        else:
            self._dispatch(run, task)

    def send_again(self, task: Task, outbox: Outbox) -> None:
        """Repeats what executors are asked for a task's present attempt, under the same ids."""
        self._changed[task.key] = task
        run = self.runs[task.process_id]
        if run.held and run.parked_since_us is not None:
            # Each copy of what cannot be handled would be parked, too.
            progress.leave_resend(task, self.now, self._rules.resend_after_us)
            return
        progress.put_off_resend(task, self.now, self._rules.resend_after_us)
        canceling = doomed(run, task)
        if canceling:
            self._repeat(outbox, wire.cancel_ref(task), self._canceled, task)
        if not canceling or task.state is TaskState.SCHEDULED:
            self._repeat(outbox, wire.dispatch_ref(task), self._dispatched, task)

    def finish(self, outbox: Outbox) -> None:
        """Walks on from all that ended, and writes records and messages, statuses before the orders they go with."""
        self._walk()
        self.load((task.process_id, task.job_task_id) for task in self._dispatched if task.job_task_id)
        for run in self._new.values():
            self._conclude(run)
        new = [task for task in self._changed.values() if task.process_id in self._new]
        storage.insert_runs(self.tx, self._new.values(), new)
        old = [task for task in self._changed.values() if task.process_id not in self._new]
        storage.update_tasks(self.tx, old)
        self._moved.update(task.process_id for task in old)
        moved = [self.runs[process_id] for process_id in sorted(self._moved)]
        for run in moved:
            self._conclude(run)
        storage.update_runs(self.tx, moved)
        outbox.add_many(self.tx, [row for rows in self._rows.values() for row in rows] + self._orders())

    def _at_hand(self, found: Iterable[Task]) -> list[Task]:
        """Takes up tasks just read; those taken up already stay as they are."""
        return [self.tasks.setdefault(task.key, task) for task in found]

    def _read_plans(self, tasks: Iterable[Task]) -> None:
        """Has what is planned of these tasks at hand."""
        missing = {task.key: task for task in tasks if task.planned is None}
        for key, planned in storage.plans(self.tx, missing).items():
            missing[key].planned = planned

    def _repeat(self, outbox: Outbox, ref: str, again: list[Task], task: Task) -> None:
        if storage.is_kept(self.tx, ref):
            # Changes nothing where the first copy has not left yet.
            outbox.resend(self.tx, ref)
        else:
            again.append(task)

    def _enter(self, run: Run) -> None:
        self.runs[run.process_id] = self._new[run.process_id] = run
        self._phases[run.process_id] = run.phase
        self._tell_process(run)

    def _plan_next(self, run: Run, task: Task, report: Report) -> Report | None:
        """Plans the attempt after a failed one; where it was the last, returns the report of it, as the task's end."""
        self._read_plans([task])
        planned = wire.policy_of(task)
        policy = replace(planned, max_attempts=task.attempt, by_condition=()) if doomed(run, task) else planned
        elapsed = self.now - (self.now if task.opened_us is None else task.opened_us)
        failed = Failed(task.attempt, report.retryable, report.condition, elapsed)
        decision = after_failure(policy, failed, random=self._rules.random())
        if isinstance(decision, Again):
            progress.plan_attempt(task, report, decision, self.now)
            self.attempts_planned = True
            return None
        # An executor speaks of its attempt alone: that the task is given up is for the scheduler to tell.
        last = replace(report, reason=f"{decision.why}: {report.reason}") if decision.why else report
        self._tell_task(run, task, TaskState.FAILED, last.reason, last.condition)
        return last

    def _keep_job(self, task: Task, report: Report) -> None:
        owner = self.tasks.get((task.process_id, task.job_task_id))
        if report.job is None or owner is None:
            return
        owner.job = wire.merged_job(owner.job, report.job)
        self._changed[owner.key] = owner

    def _end(self, run: Run, task: Task) -> None:
        run.open_tasks -= 1
        self._ends.append(task)
        if not run.failure and walker.fails_process(task.required, task.state, task.rule):
            run.failure = f"{task.task_id}: {task.reason or 'ended without a reason'}"
            run.failure_condition = task.condition

    def _walk(self) -> None:
        while self._ends:
            ends, self._ends = self._ends, []
            self.load((task.process_id, name) for task in ends for name in task.dependents)
            self.load_job_owners()
            by_process: defaultdict[str, list[Task]] = defaultdict(list)
            for task in ends:
                by_process[task.process_id].append(task)
            for process_id, group in by_process.items():
                run = self.runs[process_id]
                waiting = [self.tasks[process_id, name] for task in group for name in task.dependents]
                step = walker.advance(
                    [(task.state, task.dependents) for task in group],
                    {task.task_id: task.rule for task in waiting},
                    {task.task_id: walker.Tally(task.pending, task.failed, task.skipped) for task in waiting},
                    {task.task_id for task in waiting if doomed(run, task)},
                    held=run.held,
                )
                self._take_step(run, step)

    def _take_step(self, run: Run, step: walker.Step) -> None:
        for name, tally in step.tallies.items():
            task = self.tasks[run.process_id, name]
            task.pending, task.failed, task.skipped = tally.pending, tally.failed, tally.skipped
            self._changed[task.key] = task
        for name in step.run:
            self._dispatch(run, self.tasks[run.process_id, name])
        for name in step.hold:
            self._hold(run, self.tasks[run.process_id, name])
        for name in step.skip:
            task = self.tasks[run.process_id, name]
            progress.skip(task)
            self._tell_task(run, task, task.state, task.reason, task.condition)
            self._end(run, task)
        for name in step.cancel:
            self._cancel(run, self.tasks[run.process_id, name])

    def _cancel(self, run: Run, task: Task) -> None:
        match intents.effect(run, task, self.tasks.get((task.process_id, task.job_task_id))):
            case Effect.END:
                run.troubled_tasks -= task.trouble is not None
                progress.cancel(run, task)
                self._tell_task(run, task, task.state, task.reason, task.condition)
                self._changed[task.key] = task
                self._end(run, task)
            case Effect.ASK:
                progress.ask_to_end(task, self.now, self._rules.resend_after_us)
                self._changed[task.key] = task
                self._canceled.append(task)
            case Effect.CLOSE:
                self._dispatch(run, task)

    def _follow_holds(self, runs: Sequence[Run]) -> None:
        known = self._holds_over({run.tenant for run in runs}) if runs else []
        changed = [run for run in runs if settle(run, known)]
        self._moved.update(run.process_id for run in changed)
        self._go_on([run for run in changed if run.hold_id is None])

    def _holds_over(self, tenants: Collection[str]) -> list[Hold]:
        """The holds over these tenants, each read once: they stay as they were seen then."""
        missing = set(tenants) - self._holds.keys()
        if missing:
            found = holds.over(self.tx, missing)
            self._holds.update((tenant, [hold for hold in found if hold.over(tenant)]) for tenant in missing)
        return list({hold.hold_id: hold for tenant in tenants for hold in self._holds[tenant]}.values())

    def _go_on(self, runs: Iterable[Run]) -> None:
        """Dispatches what was put off in those of these runs that may go on."""
        free = [run.process_id for run in runs if not run.held]
        for task in self._at_hand(storage.held_tasks(self.tx, free)):
            self._release(self.runs[task.process_id], [task])

    def _release(self, run: Run, tasks: Iterable[Task]) -> None:
        """Dispatches what a pause or hold has put off, but for what a cancel ends."""
        for task in tasks:
            if task.held and not doomed(run, task):
                self._dispatch(run, task)

    def _hold(self, run: Run, task: Task) -> None:
        run.troubled_tasks -= task.trouble is not None
        progress.hold(task, self.now)
        self._changed[task.key] = task

    def _dispatch(self, run: Run, task: Task) -> None:
        run.troubled_tasks -= task.trouble is not None
        progress.open_attempt(task, self.now, self._rules.resend_after_us, closing=doomed(run, task))
        progress.enter_phase(run, task)
        self._tell_task(run, task, task.state, task.reason, task.condition)
        self._changed[task.key] = task
        self._dispatched.append(task)

    def _conclude(self, run: Run) -> None:
        """Settles how a run stands now, and tells of it where that is news."""
        run.updated_us = self.now
        end = walker.process_end(run.open_tasks, bool(run.failure), canceled=run.intent is Intent.CANCEL)
        trouble = storage.first_trouble(self.tx, run.process_id) if end is None and run.troubled_tasks else None
        changed = progress.take_standing(run, progress.standing_of(run, end, trouble))
        run.ended_us = self.now if run.ended else None
        if changed or run.phase != self._phases[run.process_id]:
            self._tell_process(run)

    def _tell_process(self, run: Run) -> None:
        """An end comes after all the process's tasks had to say; anything else before, but after its taking up."""
        run.emitted += 1
        rows = self._rows[run.process_id]
        taken_up = run.process_id in self._new and run.emitted > 1
        rows.insert(len(rows) if run.ended else int(taken_up), wire.process_status(run, self.now))

    def _tell_task(self, run: Run, task: Task, state: TaskState, reason: str, condition: int) -> None:
        task.emitted += 1
        row = wire.task_status(run, task, self.now, state=state, reason=reason, condition=condition)
        self._rows[run.process_id].append(row)

    def _orders(self) -> list[OutboxRow]:
        slow_hosts = self._rules.slow_hosts(self.tx) if self._dispatched else frozenset()
        self._read_plans(self._dispatched)
        loose = {task.process_id for task in self._dispatched if not task.job_task_id} - self._new.keys()
        jobs = storage.jobs(self.tx, loose)
        dispatches = [
            wire.dispatch(
                self.runs[task.process_id],
                task,
                self._job_of(task) if task.job_task_id else jobs.get(task.process_id, {}),
                self.now,
                slow_hosts,
            )
            for task in self._dispatched
        ]
        return dispatches + [wire.cancellation(self.runs[task.process_id], task, self.now) for task in self._canceled]

    def _job_of(self, task: Task) -> dict[str, bytes]:
        """A task about one job is told of that one: a process may have thousands."""
        owner = self.tasks.get((task.process_id, task.job_task_id))
        return {owner.task_id: owner.job} if owner is not None and owner.job is not None else {}


def _why_passed_over(run: Run, intended: Intended) -> str:
    if intended.tenant != run.tenant:
        return FOREIGN_TENANT
    return REPLAYED if intended.seq == run.intent_seq else STALE
