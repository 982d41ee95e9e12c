"""Queries about intents that came before the launch of their process was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from services.chassis.db import insert_ignore
from services.scheduler.domain.model import Intended
from services.scheduler.domain.states import Intent
from services.scheduler.schema import intent


def keep(tx: Connection, intended: Iterable[Intended]) -> None:
    """Stores intents of processes there is no run of; of each process and tenant the highest number stays."""
    for each in intended:
        insert_ignore(tx, intent, [_values(each)])
        newer = (intent.c.process_id == each.process_id, intent.c.tenant == each.tenant, intent.c.seq < each.seq)
        tx.execute(sa.update(intent).where(*newer).values(_values(each)))


def take(tx: Connection, process_ids: Collection[str]) -> list[Intended]:
    """The intents kept for these processes, which are not kept any longer."""
    wanted = intent.c.process_id.in_(sorted(process_ids))
    found = [_intended(row) for row in tx.execute(sa.select(intent).where(wanted))]
    if found:
        tx.execute(sa.delete(intent).where(wanted))
    return found


def _values(each: Intended) -> dict[str, object]:
    return {
        "process_id": each.process_id,
        "tenant": each.tenant,
        "intent": each.intent,
        "seq": each.seq,
        "caller": each.caller,
        "comment": each.comment,
    }


def _intended(row: sa.Row[tuple[str, str, int, int, str, str]]) -> Intended:
    return Intended(row.tenant, row.process_id, Intent(row.intent), row.seq, row.caller, row.comment)
