"""Queries on experiments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from services.chassis.db import Tx
from services.experiment.domain.records import Experiment, fields
from services.experiment.domain.transitions import ExperimentState
from services.experiment.schema import experiment

_COLUMNS = tuple(experiment.c[name] for name in Experiment.__dataclass_fields__)
_CHANGING = ("state", "reason", "condition_code", "process_id", "update_time", "revision")
_UPDATE = (
    sa.update(experiment)
    .where(experiment.c.experiment_id == sa.bindparam("key"))
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGING})
)


def insert(tx: Tx, tenant: str, row: Experiment) -> None:
    """Add an experiment."""
    tx.execute(sa.insert(experiment).values(tenant=tenant, **fields(row)))


def find(tx: Tx, tenant: str, experiment_id: str, *, lock: bool = False) -> Experiment | None:
    """The experiment of that id; with `lock` no other transaction changes it before this one ends."""
    query = sa.select(*_COLUMNS).where(experiment.c.tenant == tenant, experiment.c.experiment_id == experiment_id)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return _record(row) if row else None


def page(tx: Tx, tenant: str, project: str, before: tuple[int, str] | None, limit: int) -> list[Experiment]:
    """Up to `limit` experiments, the newest first, those before `before` (create time, id); "" is any project."""
    key = (experiment.c.create_time, experiment.c.experiment_id)
    query = sa.select(*_COLUMNS).where(experiment.c.tenant == tenant)
    if project:
        query = query.where(experiment.c.project == project)
    if before is not None:
        query = query.where(sa.tuple_(*key) < sa.tuple_(*before))
    query = query.order_by(*(column.desc() for column in key)).limit(limit)
    return [_record(row) for row in tx.execute(query)]


def locked(tx: Tx, experiment_ids: Collection[str]) -> list[Experiment]:
    """Those of the experiments that exist, of any tenant; no other transaction changes them before this one ends."""
    query = sa.select(*_COLUMNS).where(experiment.c.experiment_id.in_(experiment_ids))
    return [_record(row) for row in tx.execute(query.order_by(experiment.c.experiment_id).with_for_update())]


def update(tx: Tx, rows: Sequence[Experiment]) -> None:
    """Write what can change of experiments that were read under their locks."""
    if rows:
        changes = [
            {"key": row.experiment_id, **{f"new_{name}": getattr(row, name) for name in _CHANGING}} for row in rows
        ]
        tx.execute(_UPDATE, changes)


def _record(row: Any) -> Experiment:
    values = dict(row._mapping)
    return Experiment(**{**values, "state": ExperimentState(values["state"])})
