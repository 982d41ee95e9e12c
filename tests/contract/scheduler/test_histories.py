"""What the scheduler keeps of processes, by what is told of their histories, in a real database of either kind."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Received
from services.chassis.bus.topics import HISTORY, STATUS
from services.chassis.consume import Delivery
from services.scheduler.schema import metadata
from vahana.event.v1 import event_pb2

OUTBOX, TASK = metadata.tables["outbox"], metadata.tables["task"]


def told(world: Any, *, tenant: str = "default", **payload: Any) -> None:
    envelope = event_pb2.Envelope(id="msg-1", tenant=tenant, source="experiment", **payload)
    world.consumers.handle([Delivery(envelope, Received(HISTORY.name, "proc-1", b""))])


def settled(process_id: str = "proc-1") -> dict[str, Any]:
    return {"history_settled": event_pb2.HistorySettled(experiment_id="exp-1", process_id=process_id)}


def wanted(process_id: str = "proc-1") -> dict[str, Any]:
    return {"history_wanted": event_pb2.HistoryWanted(experiment_id="exp-1", process_id=process_id)}


def kept(world: Any, *which: sa.ColumnElement[bool]) -> list[tuple[str, str]]:
    """Process and topic of the messages in the outbox that would be sent again, or for the first time."""
    query = sa.select(OUTBOX.c.key, OUTBOX.c.topic).where(sa.func.coalesce(OUTBOX.c.sent_us, 1) > 0, *which)
    with world.databases[0].read() as tx:
        return [tuple(row) for row in tx.execute(query.order_by(OUTBOX.c.id))]


def unsent(world: Any) -> list[tuple[str, str]]:
    return kept(world, OUTBOX.c.sent_us.is_(None))


def mark_all_sent(world: Any) -> None:
    with world.databases[0].write() as tx:
        tx.execute(sa.update(OUTBOX).where(OUTBOX.c.sent_us.is_(None)).values(sent_us=1_700_000_000_000_000))


def test_of_a_settled_process_nothing_is_kept_to_be_sent_again(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.launch("proc-2", plan)
    world.work()
    others = [row for row in kept(world) if row[0] == "proc-2"]
    for _ in range(2):
        told(world, **settled())
        assert kept(world) == others
    told(world, **wanted())
    assert kept(world) == others
    with world.databases[0].read() as tx:
        planned = dict(
            tx.execute(
                sa.select(TASK.c.process_id, sa.func.max(sa.func.length(TASK.c.planned))).group_by("process_id")
            ).all()
        )
    assert planned["proc-1"] == 0 < planned["proc-2"]
    assert world.process_states("proc-1")[-1] == "COMPLETED"


def test_what_is_not_marked_as_sent_yet_is_let_go_of_too(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work()
    with world.databases[0].write() as tx:
        tx.execute(sa.update(OUTBOX).where(OUTBOX.c.topic == STATUS.name).values(sent_us=None))
    told(world, **settled())
    assert kept(world) == []
    world.settle()
    assert kept(world) == []


def test_of_what_is_wanted_the_statuses_are_sent_again_and_no_order(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.launch("proc-2", plan)
    world.work()
    mark_all_sent(world)
    told(world, **wanted())
    statuses = [row for row in kept(world) if row == ("proc-1", STATUS.name)]
    assert unsent(world) == statuses != []


def test_what_is_about_no_process_of_the_tenant_changes_nothing(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work()
    mark_all_sent(world)
    before = world.rows()
    for news in (settled(), wanted()):
        told(world, tenant="other", **news)
    for news in (settled("proc-9"), wanted("proc-9")):
        told(world, **news)
    assert world.rows() == before


def test_a_process_under_way_cannot_be_settled(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.settle()
    before = world.rows()
    told(world, **settled())
    assert world.rows() == before


def test_news_of_no_process_are_refused(world: Any) -> None:
    with pytest.raises(ValueError, match="process_id is empty"):
        told(world, **settled(""))
