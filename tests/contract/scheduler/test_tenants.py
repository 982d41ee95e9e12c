"""What another tenant says of a process that has not been taken up: whatever it is, and whenever it comes, it hides
nothing of what the process's own tenant says.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.db import Database
from services.chassis.errors import NotFound
from services.chassis.migrate import downgrade, upgrade
from services.chassis.outcomes import FOREIGN_TENANT
from services.scheduler import early, wire
from services.scheduler.domain.model import Intended, Launch
from services.scheduler.domain.states import Intent
from services.scheduler.schema import metadata
from tests.contract.scheduler.intended import Intents, P

PAUSED = P.PROCESS_STATE_PAUSED


@pytest.mark.parametrize("tenants", [("default", "other"), ("other", "default")])
@pytest.mark.parametrize("number", [1, 9])
def test_the_launch_takes_over_the_intent_of_its_own_tenant(
    world: Any, plan: Any, intents: Intents, tenants: tuple[str, str], number: int
) -> None:
    for tenant in tenants:
        wanted, seq = ("PAUSE", 5) if tenant == "default" else ("CANCEL", number)
        intents.want(wanted, tenant=tenant, seq=seq)
    world.launch("proc-1", plan)
    assert world.orders() == []
    assert world.last().process_state == PAUSED
    intents.want("RUN", seq=10)
    assert [order.task_id for order in world.orders()] == ["env-setup"]


def test_another_tenants_intent_alone_changes_nothing(world: Any, plan: Any, intents: Intents) -> None:
    intents.want("CANCEL", tenant="other")
    world.launch("proc-1", plan)
    assert [order.task_id for order in world.orders()] == ["env-setup"]
    with world.db.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(metadata.tables["intent"])).scalar_one() == 0


def test_of_several_intents_of_both_the_latest_of_each_is_kept(world: Any) -> None:
    said = [("other", 5, Intent.CANCEL), ("default", 1, Intent.PAUSE), ("default", 3, Intent.RUN)]
    with world.db.write() as tx:
        early.keep(tx, [Intended(tenant, "proc-1", intent, seq, "ada", "") for tenant, seq, intent in said])
        early.keep(tx, [Intended("default", "proc-1", Intent.PAUSE, 2, "ada", "")])
    with world.db.write() as tx:
        kept = {(each.tenant, each.seq, each.intent) for each in early.take(tx, ["proc-1"])}
    assert kept == {("other", 5, Intent.CANCEL), ("default", 3, Intent.RUN)}


def test_an_intent_of_another_tenant_in_the_batch_of_the_launch_is_counted_as_such(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    (launch,) = _launches(world)
    said = [Intended(tenant, "proc-1", Intent.PAUSE, 1, "ada", "") for tenant in ("other", "default")]
    unheeded = world.handlers.take([launch], [], [*said, Intended("other", "proc-2", Intent.PAUSE, 1, "olga", "")])
    assert +unheeded == {(Intended, FOREIGN_TENANT): 1}
    assert world.last().process_state == PAUSED
    assert world.last().reason == "paused by ada"


@pytest.mark.parametrize("order", [1, -1])
def test_a_launch_by_another_tenant_hides_none(world: Any, plan: Any, order: int) -> None:
    """In one batch they are refused, whichever comes first, and so come one by one; of a batch in which one of them was
    passed over nobody would hear.
    """
    world.launch("proc-1", plan, tenant="other")
    world.launch("proc-1", plan)
    theirs, mine = _launches(world)
    del world.plans.plans["other", "proc-1"]
    with pytest.raises(NotFound):
        world.handlers.take([theirs, mine][::order], [])
    with pytest.raises(NotFound):
        world.handlers.take([theirs], [])
    assert +world.handlers.take([mine], []) == {}
    assert [order.task_id for order in world.orders()] == ["env-setup"]


def _launches(world: Any) -> list[Launch]:
    """What was published of launches."""
    return [wire.read_launch(delivery.envelope) for delivery in world.batch()]


def test_intents_come_through_the_migration_and_back_one_a_process(database_url: str) -> None:
    upgrade(database_url, "services.scheduler")
    database = Database(database_url, metadata)
    said = [("b", "both"), ("a", "both"), ("b", "theirs"), ("a", "mine")]
    with database.write() as tx:
        early.keep(tx, [Intended(tenant, process_id, Intent.PAUSE, 1, "ada", "wait") for tenant, process_id in said])
    downgrade(database_url, "services.scheduler", "0009")
    upgrade(database_url, "services.scheduler")
    with database.write() as tx:
        kept = early.take(tx, {process_id for _, process_id in said})
        key = sa.inspect(tx).get_pk_constraint("intent")["constrained_columns"]
    database.close()
    assert sorted((each.tenant, each.process_id) for each in kept) == [("a", "both"), ("a", "mine"), ("b", "theirs")]
    assert kept[0] == Intended(kept[0].tenant, kept[0].process_id, Intent.PAUSE, 1, "ada", "wait")
    assert key == ["process_id", "tenant"]
