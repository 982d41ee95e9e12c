"""What a consumer under test is, and what sound messages have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.chassis.bus.topics import Topic
from services.chassis.consume import Handle
from services.chassis.db import Database
from services.chassis.migrate import upgrade
from services.chassis.outcomes import FOREIGN_TENANT, HANDLED, REPLAYED
from tests.contract.hostile.messages import YEAR_0, YEAR_10000, Hostile
from vahana.event.v1 import event_pb2, state_pb2

BAD_NAMES = ("", "n\0l", "a\nb", "x" * 100_000)
BAD_TIMES = (YEAR_0, YEAR_10000, 2**62)
OTHER = "other"
"""The tenant that sound messages are not of."""


@dataclass
class Reader:
    """A consumer under test.

    `sound(n)` is the n-th message that it takes, and `took(n)` whether it did; the outcomes are of messages about
    the first, once that was taken. `faulty` yields what its service alone can tell to be wrong. Where what is of
    another tenant is handled, that is in the other's name, and changes nothing that is not the other's.
    """

    topic: Topic
    db: Database
    handle: Handle
    sound: Callable[[int], event_pb2.Envelope]
    took: Callable[[int], bool]
    faulty: Callable[[], Iterator[Hostile]]
    subscribed: Sequence[Topic] = ()
    foreign: str = FOREIGN_TENANT
    replayed: str = REPLAYED
    elsewhere: str = "parked"

    def rows(self) -> dict[str, list[str]]:
        """All the service keeps, but for what it parked, read, is to send again, or handled in another's name."""
        with self.db.read() as tx:
            return {
                name: sorted(repr(row) for row in self._rows(tx, table))
                for name, table in self.db.metadata.tables.items()
                if name not in {"parked", "incarnation", "reading", "attempted"}
            }

    def _rows(self, tx: sa.Connection, table: sa.Table) -> list[sa.Row[Any]]:
        rows = tx.execute(sa.select(*[column for column in table.c if column.name != "sent_us"])).all()
        return [row for row in rows if self.foreign != HANDLED or not _of(row, OTHER)]

    def parked(self) -> Sequence[sa.Row[Any]]:
        """What is parked, in the order of arrival."""
        table = self.db.metadata.tables["parked"]
        with self.db.read() as tx:
            return tx.execute(sa.select(table).order_by(table.c.offset)).all()


def _of(row: sa.Row[Any], tenant: str) -> bool:
    found = row._mapping
    sent = event_pb2.Envelope.FromString(found["value"]).tenant if "message_id" in found else ""
    return tenant in {found.get("tenant"), sent}


def database(url: str, service: str, metadata: sa.MetaData) -> Database:
    """The service's database, migrated."""
    upgrade(url, f"services.{service}")
    return Database(url, metadata)


def envelope(about: str, number: int, source: str, **payload: Any) -> event_pb2.Envelope:
    """A sound one of the tenant "default"."""
    told = event_pb2.Envelope(
        id=f"{source}/{about}/{number}", tenant="default", aggregate_id=about, source=source, **payload
    )
    told.time.FromSeconds(1_700_000_000)
    return told


def change(number: int, task_id: str) -> event_pb2.Envelope:
    """What an executor says first, second and so on of an attempt that goes on."""
    body = event_pb2.StatusChanged(
        process_id="proc-1",
        task_id=task_id,
        attempt=1,
        seq=number,
        source="executor",
        task_state=state_pb2.TASK_STATE_EXECUTING,
        reason=f"for the {number}. time",
    )
    body.time.FromSeconds(1_700_000_000)
    return envelope("proc-1", number, "executor", status_changed=body)


def change_fields() -> dict[str, Any]:
    return {"process_id": BAD_NAMES, "seq": (0, 2**63, 2**64 - 1), "time.seconds": BAD_TIMES, "time.nanos": -1}
