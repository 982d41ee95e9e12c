"""Two tenants' messages that name the same attempt, in either order: neither stands in the other's way."""

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Received
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.chassis.outcomes import REPLAYED
from services.executor import storage
from services.executor.domain.claims import ClaimState
from services.executor.domain.outcomes import Done
from services.executor.domain.queues import Queue
from services.executor.schema import claim as claim_table
from services.executor.schema import metadata
from tests.contract.executor.support import CANCELED, COMPLETED, EXECUTING, Executor, dispatch, states
from vahana.event.v1 import event_pb2, state_pb2

MONITORING = state_pb2.TASK_TYPE_MONITORING
WELL = [(EXECUTING, False), (COMPLETED, False)]


def told(executor: Executor, tenant: str) -> None:
    settled = event_pb2.HistorySettled(experiment_id="exp-1", process_id="proc-1")
    envelope = event_pb2.Envelope(tenant=tenant, history_settled=settled)
    executor.consumers.told_of_histories([Delivery(envelope, Received("vahana.history", "proc-1", b""))])


@pytest.mark.parametrize("tenants", [("default", "other"), ("other", "default")])
def test_both_dispatches_are_done_each_in_its_own_name(executor: Executor, tenants: tuple[str, str]) -> None:
    worked: list[str] = []
    executor.task = lambda context: worked.append(context.tenant) or Done()
    for tenant in tenants:
        executor.accept(dispatch(), tenant=tenant)
    executor.work()
    assert sorted(worked) == ["default", "other"]
    assert states(executor, "default") == states(executor, "other") == WELL


def test_both_dispatches_are_done_that_come_in_one_batch(executor: Executor) -> None:
    idle = executor.handlers.accept(
        [event_pb2.Envelope(tenant=tenant, task_dispatched=dispatch()) for tenant in ("other", "default", "other")]
    )
    assert +idle == {REPLAYED: 1}
    executor.work()
    assert states(executor, "default") == states(executor, "other") == WELL


@pytest.mark.parametrize("early", [dispatch("t"), dispatch("t", type=MONITORING)])
def test_a_cancel_of_another_tenant_bars_nothing(executor: Executor, early: event_pb2.TaskDispatched) -> None:
    executor.cancel(early, tenant="other")
    executor.accept(early)
    assert not executor.claim("t").cancel
    executor.work()
    assert (CANCELED, False) not in states(executor)
    if early.type == MONITORING:
        assert executor.claim("t").state == ClaimState.WATCHED
    else:
        assert states(executor) == WELL


def test_a_dispatch_of_another_tenant_hides_no_cancel(executor: Executor) -> None:
    executor.accept(dispatch(), tenant="other")
    executor.cancel(dispatch())
    executor.accept(dispatch())
    executor.work()
    assert states(executor) == [(CANCELED, False)]
    assert states(executor, "other") == WELL


def test_whoever_works_is_interrupted_by_its_own_tenant_alone(executor: Executor) -> None:
    executor.task = lambda context: executor.cut.wait(60) and Done()
    for tenant in ("other", "default"):
        executor.accept(dispatch(), tenant=tenant)
    executor.round()
    turns = {turn.claim.tenant: turn for turn in executor.dispatcher.turns()}
    assert set(turns) == {"default", "other"}
    executor.cancel(dispatch(), tenant="other")
    assert turns["other"].interrupt.told
    assert not turns["default"].interrupt.told
    executor.dispatcher.renewal.renew()
    assert not turns["default"].interrupt.told
    executor.cut.set()
    executor.work()
    assert states(executor) == WELL


def test_a_claim_is_written_by_its_own_holder_alone(executor: Executor) -> None:
    """Both claims are at the same epoch and version."""
    for tenant in ("other", "default"):
        executor.accept(dispatch(), tenant=tenant)
    mine = next(claim for claim in executor.take() if claim.tenant == "default")
    theirs = executor.claim(tenant="other")
    assert (mine.epoch, mine.version) == (theirs.epoch, theirs.version)
    with executor.db.write() as tx:
        storage.renew(tx, [(mine, Queue(mine.type, 2, "default", mine.host))], 99)
    assert executor.claim().lease_until_us == 99
    assert executor.claim(tenant="other") == theirs
    assert executor.settle(mine, Done())
    assert executor.claim(tenant="other") == theirs
    with executor.db.write() as tx:
        storage.release(tx, [theirs])
    assert executor.claim(tenant="other").state == ClaimState.ACCEPTED
    assert executor.claim().state == ClaimState.ENDED


def test_cleanup_does_not_wait_for_another_tenants_work(executor: Executor) -> None:
    executor.accept(dispatch("submit"), tenant="other")
    executor.accept(dispatch("cleanup"))
    executor.take()
    with executor.db.read() as tx:
        assert not storage.others_live(tx, executor.claim("cleanup").key)
        assert storage.others_live(tx, executor.claim("submit", tenant="other").key._replace(task_id="cleanup"))


def test_what_another_tenant_settles_is_kept(executor: Executor) -> None:
    executor.accept(dispatch())
    executor.accept(dispatch("open"), tenant="other")
    executor.work()
    for tenant in ("other", "default"):
        told(executor, tenant)
        assert states(executor) == WELL
        assert executor.claim().dispatch
        assert len(executor.unsent()) == 4


def test_claims_of_two_tenants_come_down_as_the_first_one_and_all_others_come_through(database_url: str) -> None:
    upgrade(database_url, "services.executor")
    database = Database(database_url, metadata)
    executor = Executor(database, "executor-one")
    executor.accept(dispatch("both"), tenant="other")
    executor.accept(dispatch("both"), dispatch("mine"), dispatch("both", process_id="proc-2"))
    executor.accept(dispatch("theirs"), tenant="other")
    with database.write() as tx:
        # The clock may not have moved between them.
        its = (claim_table.c.tenant == "other", claim_table.c.task_id == "both")
        tx.execute(sa.update(claim_table).where(*its).values(created_us=1))
        kept = tx.execute(sa.select(claim_table).order_by(*claim_table.primary_key.columns)).all()
    downgrade(database_url, "services.executor", "0007")
    upgrade(database_url, "services.executor")
    with database.read() as tx:
        rows = tx.execute(sa.select(claim_table).order_by(*claim_table.primary_key.columns)).all()
        indexes = {each["name"] for each in sa.inspect(tx).get_indexes("claim")}
        key = sa.inspect(tx).get_pk_constraint("claim")["constrained_columns"]
    database.close()
    assert rows == [row for row in kept if (row.tenant, row.task_id, row.process_id) != ("default", "both", "proc-1")]
    assert indexes == {index.name for index in claim_table.indexes}
    assert key == ["process_id", "task_id", "attempt", "tenant"]
