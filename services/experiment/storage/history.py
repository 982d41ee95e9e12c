"""Queries on the history of processes and on their outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from services.chassis.db import Tx
from services.chassis.fitting import Page, cut, stored_bytes
from services.experiment.domain.records import Event, Output, fields
from services.experiment.schema import event, output

_AT_ONCE = 500
_EVENT_COLUMNS = tuple(event.c[name] for name in Event.__dataclass_fields__)
_OUTPUT_COLUMNS = tuple(output.c[name] for name in Output.__dataclass_fields__)
_DELETE_OUTPUT = sa.delete(output).where(
    output.c.process_id == sa.bindparam("key_process"), output.c.name == sa.bindparam("key_name")
)

_KNOWN = sa.select(event.c.key).where(event.c.key.in_(sa.bindparam("keys", expanding=True)))


def known(tx: Tx, keys: Collection[str]) -> set[str]:
    """Those of the events that are recorded already, of any tenant."""
    return set(tx.execute(_KNOWN, {"keys": list(keys)}).scalars())


def append(tx: Tx, events: Sequence[Event]) -> None:
    """Add events, each at its position, under the locks of their processes."""
    if events:
        tx.execute(sa.insert(event), [fields(each) for each in events])


def page(tx: Tx, tenant: str, process_id: str, after: int, limit: int) -> Page[Event]:
    """A page of the events of a process, the oldest first, those after the position `after`."""
    its = (event.c.tenant == tenant, event.c.process_id == process_id)
    sized = sa.select(event.c.position, stored_bytes(event.c.content).label("size"))
    rows = tx.execute(sized.where(*its, event.c.position > after).order_by(event.c.position).limit(limit + 1)).all()
    found = cut([row.position for row in rows], [row.size for row in rows], limit)
    query = sa.select(*_EVENT_COLUMNS).where(*its, event.c.position.in_(found.items)).order_by(event.c.position)
    return Page([Event(**row._mapping) for row in tx.execute(query)], found.more)


def contents(tx: Tx, process_ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """All events of processes, in any order: process id and content. They are read as they are taken."""
    query = sa.select(event.c.process_id, event.c.content).where(event.c.process_id.in_(process_ids))
    with tx.execute(query.execution_options(yield_per=_AT_ONCE)) as rows:
        yield from ((row.process_id, row.content) for row in rows)


def put_outputs(tx: Tx, rows: Collection[Output]) -> None:
    """Add or replace outputs, under the locks of their processes."""
    if rows:
        tx.execute(_DELETE_OUTPUT, [{"key_process": row.process_id, "key_name": row.name} for row in rows])
        tx.execute(sa.insert(output), [fields(row) for row in rows])


def outputs(tx: Tx, tenant: str, process_id: str) -> list[Output]:
    """The outputs of a process, by name."""
    query = sa.select(*_OUTPUT_COLUMNS).where(output.c.tenant == tenant, output.c.process_id == process_id)
    return [Output(**row._mapping) for row in tx.execute(query.order_by(output.c.name))]


def find_output(tx: Tx, tenant: str, process_id: str, name: str) -> Output | None:
    """One output of a process."""
    query = sa.select(*_OUTPUT_COLUMNS).where(
        output.c.tenant == tenant, output.c.process_id == process_id, output.c.name == name
    )
    row = tx.execute(query).one_or_none()
    return Output(**row._mapping) if row else None
