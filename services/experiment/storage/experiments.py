"""Queries on experiments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from services.chassis.db import Tx
from services.chassis.fitting import Page, cut, stored_bytes
from services.experiment.domain.access import Visibility
from services.experiment.domain.filters import Filters
from services.experiment.domain.records import Experiment, fields
from services.experiment.domain.transitions import ExperimentState
from services.experiment.schema import experiment, experiment_tag
from services.experiment.storage import visible

_COLUMNS = tuple(experiment.c[name] for name in Experiment.__dataclass_fields__)
_SIZE = stored_bytes(experiment.c.spec, experiment.c.reason)
_NEWEST_FIRST = (experiment.c.create_time.desc(), experiment.c.experiment_id.desc())
_CHANGING = ("state", "reason", "condition_code", "process_id", "update_time", "revision", "intent")
_UPDATE = (
    sa.update(experiment)
    .where(experiment.c.experiment_id == sa.bindparam("key"))
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGING})
)
_FIND = sa.select(*_COLUMNS).where(
    experiment.c.tenant == sa.bindparam("of"), experiment.c.experiment_id == sa.bindparam("key")
)
_FIND_LOCKED = _FIND.with_for_update()
_LOCKED = (
    sa.select(*_COLUMNS)
    .where(experiment.c.experiment_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(experiment.c.experiment_id)
    .with_for_update()
)


def insert(tx: Tx, tenant: str, row: Experiment, tags: Iterable[str]) -> None:
    """Add an experiment with its tags."""
    tx.execute(sa.insert(experiment).values(tenant=tenant, **fields(row)))
    _tag(tx, tenant, row, tags)


def respecify(tx: Tx, tenant: str, row: Experiment, tags: Iterable[str]) -> None:
    """Write an experiment that was read under its lock, with all its spec tells of it, in place of what it was."""
    changes = {name: getattr(row, name) for name in (*_CHANGING, "spec", "project", "application")}
    key = (experiment.c.tenant == tenant, experiment.c.experiment_id == row.experiment_id)
    tx.execute(sa.update(experiment).where(*key).values(changes))
    its = (experiment_tag.c.tenant == tenant, experiment_tag.c.experiment_id == row.experiment_id)
    tx.execute(sa.delete(experiment_tag).where(*its))
    _tag(tx, tenant, row, tags)


def find(tx: Tx, tenant: str, experiment_id: str, *, lock: bool = False) -> Experiment | None:
    """The experiment of that id; with `lock` no other transaction changes it before this one ends."""
    row = tx.execute(_FIND_LOCKED if lock else _FIND, {"of": tenant, "key": experiment_id}).one_or_none()
    return _record(row) if row else None


def page(  # noqa: PLR0917 - where, whose, which, from where and how many
    tx: Tx, tenant: str, seen: Visibility, filters: Filters, before: tuple[int, str] | None, limit: int
) -> Page[Experiment]:
    """A page of the experiments that may be seen, the newest first, those before `before` (create time, id)."""
    keys = visible.Page(tenant, filters, before, limit + 1, tx.dialect.name).of(seen).subquery()
    sized = sa.select(experiment.c.experiment_id, _SIZE.label("size"))
    ordered = sized.where(experiment.c.experiment_id.in_(sa.select(keys.c.experiment_id))).order_by(*_NEWEST_FIRST)
    rows = tx.execute(ordered).all()
    found = cut([row.experiment_id for row in rows], [row.size for row in rows], limit)
    query = sa.select(*_COLUMNS).where(experiment.c.experiment_id.in_(found.items)).order_by(*_NEWEST_FIRST)
    return Page([_record(row) for row in tx.execute(query)], found.more)


def locked(tx: Tx, experiment_ids: Collection[str]) -> list[Experiment]:
    """Those of the experiments that exist, of any tenant; no other transaction changes them before this one ends."""
    return [_record(row) for row in tx.execute(_LOCKED, {"ids": list(experiment_ids)})]


def update(tx: Tx, rows: Sequence[Experiment]) -> None:
    """Write what can change of experiments that were read under their locks."""
    if rows:
        changes = [
            {"key": row.experiment_id, **{f"new_{name}": getattr(row, name) for name in _CHANGING}} for row in rows
        ]
        tx.execute(_UPDATE, changes)


def _tag(tx: Tx, tenant: str, row: Experiment, tags: Iterable[str]) -> None:
    key = {"tenant": tenant, "create_time": row.create_time, "experiment_id": row.experiment_id}
    values = [{"tag": tag, **key} for tag in tags]
    if values:
        tx.execute(sa.insert(experiment_tag), values)


def _record(row: Any) -> Experiment:
    values = dict(row._mapping)
    return Experiment(**{**values, "state": ExperimentState(values["state"])})
