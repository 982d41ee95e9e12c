"""Queries on processes, their plans and their tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from services.chassis.db import Tx
from services.chassis.fitting import Page, cut, stored_bytes
from services.experiment.domain.records import Process, Task, fields
from services.experiment.domain.transitions import ProcessIntent, ProcessState, TaskState
from services.experiment.schema import planned_task, process, task

_PROCESS_CHANGING = (
    "state", "phase", "reason", "condition_code", "seq", "last_position", "revision", "update_time",
    "settled_us", "check_us", "times_asked",
)  # fmt: skip
_TASK_CHANGING = (
    "state", "attempt", "seq", "attempt_ended", "reason", "condition_code", "job", "start_time", "end_time", "revision",
)  # fmt: skip
_PROCESS_COLUMNS = tuple(process.c[name] for name in Process.__dataclass_fields__)
_TASK_COLUMNS = tuple(task.c[name] for name in Task.__dataclass_fields__)
_UPDATE_PROCESS = (
    sa.update(process)
    .where(process.c.process_id == sa.bindparam("key"))
    .values({name: sa.bindparam(f"new_{name}") for name in _PROCESS_CHANGING})
)
_FIND = sa.select(*_PROCESS_COLUMNS).where(
    process.c.tenant == sa.bindparam("of"), process.c.process_id == sa.bindparam("key")
)
_FIND_LOCKED = _FIND.with_for_update()
_LOCKED = (
    sa.select(*_PROCESS_COLUMNS)
    .where(process.c.process_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(process.c.process_id)
    .with_for_update()
)
# SQLite searches no index for pairs, only for single columns.
_SOME_TASKS = sa.select(*_TASK_COLUMNS).where(
    task.c.process_id.in_(sa.bindparam("ids", expanding=True)),
    sa.tuple_(task.c.process_id, task.c.task_id).in_(sa.bindparam("keys", expanding=True)),
)
_UPDATE_TASK = (
    sa.update(task)
    .where(task.c.process_id == sa.bindparam("key"), task.c.task_id == sa.bindparam("key_task"))
    .values({name: sa.bindparam(f"new_{name}") for name in _TASK_CHANGING})
)


def insert(tx: Tx, tenant: str, row: Process, tasks: Sequence[Task], plan: Sequence[bytes]) -> None:
    """Add a process with its tasks and its plan, both in the plan's order."""
    tx.execute(sa.insert(process), fields(row))
    tx.execute(sa.insert(task), [{"tenant": tenant, **fields(each)} for each in tasks])
    planned = [
        {"tenant": tenant, "process_id": row.process_id, "ordinal": ordinal, "content": content}
        for ordinal, content in enumerate(plan)
    ]
    tx.execute(sa.insert(planned_task), planned)


def find(tx: Tx, tenant: str, process_id: str, *, lock: bool = False) -> Process | None:
    """The process of that id; with `lock` no other transaction changes it before this one ends."""
    row = tx.execute(_FIND_LOCKED if lock else _FIND, {"of": tenant, "key": process_id}).one_or_none()
    return _process(row) if row else None


def of_experiment(tx: Tx, tenant: str, experiment_id: str, before: str, limit: int) -> list[Process]:
    """Processes of an experiment, the newest first, those older than the id `before` where one is given."""
    query = sa.select(*_PROCESS_COLUMNS).where(process.c.tenant == tenant, process.c.experiment_id == experiment_id)
    if before:
        query = query.where(process.c.process_id < before)
    return [_process(row) for row in tx.execute(query.order_by(process.c.process_id.desc()).limit(limit))]


def first_check(tx: Tx) -> int | None:
    """When the history of some process is to be looked at next, in microseconds; None where none is."""
    query = sa.select(process.c.check_us).where(process.c.check_us.is_not(None)).order_by(process.c.check_us)
    return tx.execute(query.limit(1)).scalar_one_or_none()


def to_check(tx: Tx, now: int, limit: int) -> list[Process]:
    """Processes whose histories are to be looked at by now, the longest due first."""
    query = sa.select(*_PROCESS_COLUMNS).where(process.c.check_us <= now).order_by(process.c.check_us)
    return [_process(row) for row in tx.execute(query.limit(limit))]


def task_ids(tx: Tx, process_ids: Collection[str]) -> dict[str, list[str]]:
    """The ids of the tasks of processes, by process."""
    found: dict[str, list[str]] = {process_id: [] for process_id in process_ids}
    for row in tx.execute(sa.select(task.c.process_id, task.c.task_id).where(task.c.process_id.in_(found))):
        found[row.process_id].append(row.task_id)
    return found


def tasks(tx: Tx, tenant: str, process_id: str, since: int = -1) -> list[Task]:
    """The tasks of a process that changed after its revision `since`, in the order of the plan."""
    query = sa.select(*_TASK_COLUMNS).where(
        task.c.tenant == tenant, task.c.process_id == process_id, task.c.revision > since
    )
    return [_task(row) for row in tx.execute(query.order_by(task.c.ordinal))]


def plan(tx: Tx, tenant: str, process_id: str, start: int, limit: int) -> Page[bytes]:
    """A page of the serialised PlannedTasks of a process, in order, from the ordinal `start`, which are 0, 1, 2, …"""
    its = (planned_task.c.tenant == tenant, planned_task.c.process_id == process_id)
    place = planned_task.c.ordinal
    sized = sa.select(place, stored_bytes(planned_task.c.content).label("size")).where(*its, place >= start)
    rows = tx.execute(sized.order_by(place).limit(limit + 1)).all()
    found = cut([row.ordinal for row in rows], [row.size for row in rows], limit)
    query = sa.select(planned_task.c.content).where(*its, place >= start).order_by(place).limit(len(found.items))
    return Page(list(tx.execute(query).scalars()), found.more)


def locked(tx: Tx, process_ids: Collection[str]) -> list[Process]:
    """Those of the processes that exist, of any tenant; no other transaction changes them before this one ends."""
    return [_process(row) for row in tx.execute(_LOCKED, {"ids": list(process_ids)})]


def some_tasks(tx: Tx, keys: Collection[tuple[str, str]]) -> list[Task]:
    """Those of the tasks (process id, task id) that exist, of any tenant."""
    given = {"ids": list({process_id for process_id, _ in keys}), "keys": list(keys)}
    return [_task(row) for row in tx.execute(_SOME_TASKS, given)]


def intend(tx: Tx, row: Process) -> None:
    """Write what is wanted of a process that was read under its lock."""
    changes = {name: getattr(row, name) for name in ("intent", "intent_seq", "revision", "update_time")}
    key = (process.c.tenant == row.tenant, process.c.process_id == row.process_id)
    tx.execute(sa.update(process).where(*key).values(changes))


def update(tx: Tx, rows: Sequence[Process]) -> None:
    """Write what can change of processes that were read under their locks."""
    if rows:
        changes = [{"key": row.process_id, **_changes(row, _PROCESS_CHANGING)} for row in rows]
        tx.execute(_UPDATE_PROCESS, changes)


def update_tasks(tx: Tx, rows: Sequence[Task]) -> None:
    """Write what can change of tasks, under the locks of their processes."""
    if rows:
        changes = [{"key": row.process_id, "key_task": row.task_id, **_changes(row, _TASK_CHANGING)} for row in rows]
        tx.execute(_UPDATE_TASK, changes)


def _changes(row: Process | Task, names: Sequence[str]) -> dict[str, Any]:
    return {f"new_{name}": getattr(row, name) for name in names}


def _process(row: Any) -> Process:
    values = dict(row._mapping)
    return Process(**{**values, "state": ProcessState(values["state"]), "intent": ProcessIntent(values["intent"])})


def _task(row: Any) -> Task:
    values = dict(row._mapping)
    return Task(**{**values, "state": TaskState(values["state"])})
