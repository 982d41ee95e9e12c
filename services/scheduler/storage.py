"""The scheduler's queries. Runs are locked before their tasks are read or written, so writers of one process queue up;
the version in every update shows up whoever does not keep to that.

Only what an operator asks takes a tenant: the scheduler itself works for all tenants, by process id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from services.chassis.errors import Unavailable
from services.scheduler.domain.model import Run, Task, TaskKey, Trouble
from services.scheduler.domain.states import Intent, Phase, ProcessState, TaskState, TaskType, TriggerRule
from services.scheduler.domain.transitions import ENDED_TASKS
from services.scheduler.schema import metadata, run, task

Item = TypeVar("Item")

# Below the limit of variables in one statement, on both databases.
_CHUNK = 1_000

_outbox = metadata.tables["outbox"]

_RUN_COLUMNS = [run.c[field.name] for field in fields(Run)]
_TASK_COLUMNS = [task.c[field.name] for field in fields(Task)]
_READ_COLUMNS = [sa.null() if column is task.c.planned else column for column in _TASK_COLUMNS]
"""What is planned can be large, and is read where it is asked for alone: see plans."""
_RUN_CHANGES = (
    *("state", "phase", "reason", "condition", "next_attempt_us", "failure", "failure_condition"),
    *("open_tasks", "troubled_tasks", "emitted", "updated_us", "ended_us"),
    *("intent", "intent_seq", "intent_reason", "hold_id", "hold_reason", "hold_since_us"),
    *("parked_reason", "parked_since_us"),
)
_TASK_CHANGES = (
    *("pending", "failed", "skipped", "state", "attempt", "heard", "emitted", "trouble", "reason", "condition"),
    *("job", "next_attempt_us", "resend_us", "resends", "held", "closing", "opened_us", "since_us"),
)


def _update_of(table: sa.Table, columns: Sequence[str]) -> sa.Update:
    (key,) = table.primary_key.columns
    wanted = (key == sa.bindparam("at_key"), table.c.version == sa.bindparam("at_version"))
    return sa.update(table).where(*wanted).values({name: sa.bindparam(name) for name in (*columns, "version")})


_UPDATE_RUN = _update_of(run, _RUN_CHANGES)
_UPDATE_TASK = _update_of(task, _TASK_CHANGES)

# Built once, for they are made all the time, and building one costs as much as executing it.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_LOCK_RUNS = sa.select(*_RUN_COLUMNS).where(run.c.process_id.in_(_IDS)).order_by(run.c.process_id).with_for_update()
_READ_TASKS = sa.select(*_READ_COLUMNS).where(task.c.id.in_(_IDS))
_PLANS = sa.select(task.c.process_id, task.c.task_id, task.c.planned).where(task.c.id.in_(_IDS))


def lock_runs(tx: Connection, process_ids: Collection[str]) -> dict[str, Run]:
    """The runs there are of these processes, locked until the end of the transaction, always in one order."""
    found: dict[str, Run] = {}
    for part in _chunks(sorted(process_ids)):
        found.update((row.process_id, _run(row)) for row in tx.execute(_LOCK_RUNS, {"ids": part}))
    return found


def standing(tx: Connection, process_ids: Collection[str]) -> dict[str, tuple[str, bool]]:
    """Which of these processes have a run: whose each is, and whether it has ended."""
    found: dict[str, tuple[str, bool]] = {}
    for part in _chunks(process_ids):
        query = sa.select(run.c.process_id, run.c.tenant, run.c.ended_us).where(run.c.process_id.in_(part))
        found.update((row.process_id, (row.tenant, row.ended_us is not None)) for row in tx.execute(query))
    return found


def forget_plans(tx: Connection, process_ids: Collection[str]) -> None:
    """Keeps of the tasks of ended processes how they ended, and not what was planned of them."""
    for part in _chunks(sorted(process_ids)):
        tx.execute(sa.update(task).where(task.c.process_id.in_(part)).values(planned=b""))


def read_tasks(tx: Connection, keys: Collection[TaskKey]) -> list[Task]:
    """The tasks there are of these keys."""
    found: list[Task] = []
    for part in _chunks(keys):
        ids = [f"{process_id}/{task_id}" for process_id, task_id in part]
        found += [_task(row) for row in tx.execute(_READ_TASKS, {"ids": ids})]
    return found


def tasks_begun(tx: Connection, process_id: str) -> list[Task]:
    """The tasks of a process whose turn has come and which have not ended, in the order of the plan."""
    waiting = sa.and_(task.c.state == TaskState.CREATED, task.c.pending > 0)
    open_ = (task.c.process_id == process_id, task.c.state.not_in(ENDED_TASKS), sa.not_(waiting))
    return [_task(row) for row in tx.execute(sa.select(*_READ_COLUMNS).where(*open_).order_by(task.c.position))]


def plans(tx: Connection, keys: Collection[TaskKey]) -> dict[TaskKey, bytes]:
    """What is planned of these tasks."""
    found: dict[TaskKey, bytes] = {}
    for part in _chunks(keys):
        ids = [f"{process_id}/{task_id}" for process_id, task_id in part]
        found.update(((row.process_id, row.task_id), row.planned) for row in tx.execute(_PLANS, {"ids": ids}))
    return found


def held_tasks(tx: Connection, process_ids: Collection[str]) -> list[Task]:
    """The tasks of these processes that could be dispatched but for a pause or hold, in the order of their plans."""
    found: list[Task] = []
    for part in _chunks(sorted(process_ids)):
        query = sa.select(*_READ_COLUMNS).where(task.c.process_id.in_(part), task.c.held)
        found += [_task(row) for row in tx.execute(query.order_by(task.c.process_id, task.c.position))]
    return found


def insert_runs(tx: Connection, runs: Collection[Run], tasks: Collection[Task]) -> None:
    """Stores new runs with all their tasks."""
    if runs:
        tx.execute(sa.insert(run), [_values(item, _RUN_COLUMNS) for item in runs])
    if tasks:
        tx.execute(sa.insert(task), [{"id": item.id, **_values(item, _TASK_COLUMNS)} for item in tasks])


def update_runs(tx: Connection, runs: Collection[Run]) -> None:
    """Stores what changed of runs; Unavailable where a version moved meanwhile: to be tried again from the start."""
    rows = [{name: getattr(item, name) for name in _RUN_CHANGES} | {"at_key": item.process_id} for item in runs]
    _compare_and_set(tx, _UPDATE_RUN, runs, rows)


def update_tasks(tx: Connection, tasks: Collection[Task]) -> None:
    """Stores what changed of tasks; Unavailable where a version moved meanwhile: to be tried again from the start."""
    rows = [{name: getattr(item, name) for name in _TASK_CHANGES} | {"at_key": item.id} for item in tasks]
    _compare_and_set(tx, _UPDATE_TASK, tasks, rows)


def first_trouble(tx: Connection, process_id: str) -> Task | None:
    """The task of a process that is to be told of: blocked before waiting, then in the order of the plan."""
    query = (
        sa.select(*_READ_COLUMNS)
        .where(task.c.process_id == process_id, task.c.trouble.is_not(None))
        .order_by(task.c.trouble, task.c.position)
        .limit(1)
    )
    row = tx.execute(query).one_or_none()
    return _task(row) if row is not None else None


def jobs(tx: Connection, process_ids: Collection[str]) -> dict[str, dict[str, bytes]]:
    """All known jobs of these processes, by process id and submission task."""
    found: dict[str, dict[str, bytes]] = {process_id: {} for process_id in process_ids}
    for part in _chunks(process_ids):
        query = sa.select(task.c.process_id, task.c.task_id, task.c.job).where(
            task.c.process_id.in_(part), task.c.job.is_not(None)
        )
        for row in tx.execute(query):
            found[row.process_id][row.task_id] = row.job
    return found


def is_kept(tx: Connection, ref: str) -> bool:
    """Whether the outbox still holds a message of this ref, sent or not."""
    return tx.execute(sa.select(sa.exists().where(_outbox.c.ref == ref))).scalar_one()


def due_shards(tx: Connection, due: sa.Column[Any], now: int) -> list[int]:
    """The shards with tasks whose time `due` (a column of `task`) has come."""
    return list(tx.execute(sa.select(task.c.shard).where(due <= now).distinct().order_by(task.c.shard)).scalars())


def due_tasks(tx: Connection, due: sa.Column[Any], shards: Sequence[int], now: int, limit: int) -> list[TaskKey]:
    """The tasks of these shards whose time `due` has come, the longest due first."""
    query = (
        sa.select(task.c.process_id, task.c.task_id)
        .where(due <= now, task.c.shard.in_(shards))
        .order_by(due)
        .limit(limit)
    )
    return [(row.process_id, row.task_id) for row in tx.execute(query)]


def earliest(tx: Connection, due: sa.Column[Any]) -> int | None:
    """The earliest time in `due`, in microseconds; None where there is none."""
    return tx.execute(_earliest(due)).scalar_one_or_none()


def get_run(tx: Connection, tenant: str, process_id: str) -> Run | None:
    """A run of the tenant."""
    query = sa.select(*_RUN_COLUMNS).where(run.c.tenant == tenant, run.c.process_id == process_id)
    row = tx.execute(query).one_or_none()
    return _run(row) if row is not None else None


def list_tasks(tx: Connection, tenant: str, process_id: str) -> list[Task]:
    """All tasks of a run of the tenant, in the order of the plan."""
    query = sa.select(*_READ_COLUMNS).where(task.c.tenant == tenant, task.c.process_id == process_id)
    return [_task(row) for row in tx.execute(query.order_by(task.c.position))]


def list_open_runs(tx: Connection, tenant: str, after: tuple[int, str] | None, limit: int) -> list[Run]:
    """Runs of the tenant that have not ended, by time of creation, from the one after `after` on."""
    query = sa.select(*_RUN_COLUMNS).where(run.c.tenant == tenant, run.c.ended_us.is_(None))
    if after is not None:
        query = query.where(sa.tuple_(run.c.created_us, run.c.process_id) > sa.tuple_(*map(sa.literal, after)))
    return [_run(row) for row in tx.execute(query.order_by(run.c.created_us, run.c.process_id).limit(limit))]


@cache
def _earliest(due: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(due).where(due.is_not(None)).order_by(due).limit(1)


def _compare_and_set(
    tx: Connection, update: sa.Update, items: Collection[Run | Task], rows: list[dict[str, Any]]
) -> None:
    if not rows:
        return
    for item, row in zip(items, rows, strict=True):
        row["at_version"], row["version"] = item.version, item.version + 1
    if tx.execute(update, rows).rowcount != len(rows):
        raise Unavailable("another scheduler moved the same process meanwhile")
    for item in items:
        item.version += 1


def _values(item: Run | Task, columns: Sequence[sa.Column[Any]]) -> dict[str, Any]:
    return {column.name: getattr(item, column.name) for column in columns}


def _run(row: Iterable[Any]) -> Run:
    found = Run(*row)
    found.state, found.phase, found.intent = ProcessState(found.state), Phase(found.phase), Intent(found.intent)
    return found


def _task(row: Iterable[Any]) -> Task:
    found = Task(*row)
    found.type, found.rule, found.state = TaskType(found.type), TriggerRule(found.rule), TaskState(found.state)
    found.dependents = tuple(found.dependents)
    found.trouble = Trouble(found.trouble) if found.trouble is not None else None
    return found


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, _CHUNK)):
        yield part
