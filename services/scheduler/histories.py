"""What is told of the histories of processes: what is wanted is sent again, what nobody needs any more is let go of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from services.chassis import log
from services.chassis.bus.topics import STATUS
from services.chassis.outbox import Outbox
from services.scheduler import storage
from services.scheduler.domain.model import HistoryNews

_log = log.get("histories")


def take(tx: Connection, outbox: Outbox, told: Sequence[HistoryNews]) -> int:
    """Does what a batch asks for; what is about no process of the tenant, or settles one under way, changes nothing.
    Returns how many changed nothing.
    """
    if not told:
        return 0
    known = storage.standing(tx, {each.process_id for each in told})
    fitting = [each for each in told if _fits(each, known)]
    for each in fitting:
        if not each.settled:
            outbox.resend_key(tx, STATUS, each.process_id)
    settled = {each.process_id for each in fitting if each.settled}
    if settled:
        # What is not marked as sent has been recorded all the same.
        outbox.forget(tx, settled, unsent=True)
        storage.forget_plans(tx, settled)
    return len(told) - len(fitting)


def _fits(told: HistoryNews, known: dict[str, tuple[str, bool]]) -> bool:
    tenant, ended = known.get(told.process_id, (None, False))
    fits = tenant == told.tenant and (ended or not told.settled)
    if not fits:
        _log.warning("news of a history ignored", tenant=told.tenant, process_id=told.process_id, settled=told.settled)
    return fits
