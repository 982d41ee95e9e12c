"""Queries about the messages of processes under way that services have parked."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from services.chassis.db import insert_ignore
from services.scheduler.domain.model import ParkingTold, Run
from services.scheduler.schema import parking

_NAME = ("process_id", "service", "topic", "partition", "offset", "consumer")


def heed(tx: Connection, told: ParkingTold, now: int) -> None:
    """Stores that a message is parked, or that it is not any longer."""
    name = {column: getattr(told, column) for column in _NAME}
    if told.parked:
        insert_ignore(tx, parking, [name | {"sentence": told.sentence, "since_us": now}])
    else:
        tx.execute(sa.delete(parking).where(*(parking.c[column] == value for column, value in name.items())))


def settle(tx: Connection, run: Run) -> bool:
    """Has a locked run wait for the first of the messages about it that are parked, or for none; whether that changes
    the run.
    """
    first = sa.select(parking.c.sentence, parking.c.since_us).where(parking.c.process_id == run.process_id)
    in_order = (parking.c.since_us, *(parking.c[column] for column in _NAME[1:]))
    row = tx.execute(first.order_by(*in_order).limit(1)).one_or_none()
    before = (run.parked_reason, run.parked_since_us)
    run.parked_reason, run.parked_since_us = (row.sentence, row.since_us) if row is not None else ("", None)
    return before != (run.parked_reason, run.parked_since_us)
