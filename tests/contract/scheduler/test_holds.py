"""Holds over compute resources, hosts and tenants, through the real handlers, outbox and relay."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from services.scheduler import handlers
from services.scheduler.handlers import IDLE
from services.scheduler.schema import metadata
from tests.contract.scheduler.held import ADA, EVE, ROOT, Holds
from tests.contract.scheduler.intended import (
    COMPLETED,
    ENDED_AS_ASKED,
    EXECUTING,
    JOB,
    TRANSIENT,
    C,
    Intents,
    P,
    ends,
    under_way,
)

PAUSED, GOES_ON = P.PROCESS_STATE_PAUSED, P.PROCESS_STATE_EXECUTING
SEVERAL_OWNERS = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""A SQLite database has one."""


def dies(world: Any) -> None:
    """The leases of whoever kept time run out."""
    with world.db.write() as tx:
        tx.execute(sa.update(metadata.tables["lease"]).values(expires_us=0))


def dispatched(world: Any) -> list[str]:
    return [f"{order.process_id}/{order.task_id}" for order in world.orders()]


def test_what_is_under_way_ends_and_nothing_begins_until_the_hold_is_lifted(
    world: Any, plan: Any, holds: Holds
) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, task_state=EXECUTING)
    world.settle()
    placed = holds.place(comment="maintenance")
    assert placed.process_count == 1
    told = world.last()
    assert (told.process_state, told.condition_code) == (PAUSED, C.CONDITION_CODE_ON_HOLD)
    assert told.reason.startswith("compute resource local is on hold since 20")
    assert told.reason.endswith(" UTC by ada: maintenance")
    world.say(order, task_state=COMPLETED)
    assert world.orders() == []
    assert ends(world)["env-setup"] == "COMPLETED"
    assert world.last() == told
    holds.lift(placed)
    assert [each.task_id for each in world.orders()] == ["stage-in-a", "stage-in-b"]
    assert (world.last().process_state, world.last().reason, world.last().condition_code) == (GOES_ON, "", 0)
    assert holds.told == 2


def test_a_hold_lets_no_attempt_be_opened_whose_time_has_come(world: Any, plan: Any, holds: Holds) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, **TRANSIENT)
    world.settle()
    placed = holds.place()
    world.forward(60)
    assert world.handlers.open_due_attempts() == 0
    assert world.orders() == []
    assert world.handlers.open_due_attempts() > 0
    holds.lift(placed)
    (again,) = world.orders()
    assert (again.task_id, again.attempt) == ("env-setup", 2)
    world.say(again, task_state=COMPLETED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_nothing_is_dispatched_before_the_hold_was_followed(world: Any, plan: Any, holds: Holds) -> None:
    """Whatever moves a run reads the holds there are: that the sweep has not come by yet lets nothing through."""
    order = under_way(world, plan, "env-setup")
    follow, holds.follow = holds.follow, lambda: None  # type: ignore[method-assign]
    placed = holds.place()
    world.say(order, task_state=COMPLETED)
    assert world.orders() == []
    assert world.last().process_state == PAUSED
    holds.lift_only(placed)
    follow()
    assert len(world.orders()) == 2


@pytest.mark.parametrize(
    "what", [{"compute_resource": "local"}, {"address": "Local.Example.ORG."}, {"whole_tenant": True}]
)
def test_a_launch_during_a_hold_waits(world: Any, plan: Any, holds: Holds, what: Any) -> None:
    placed = holds.place(**what)
    assert placed.process_count == 0
    world.launch("proc-1", plan)
    world.launch("proc-2", plan, host="elsewhere")
    world.settle()
    assert world.process_states() == ["QUEUED", "PAUSED"]
    assert world.last().condition_code == C.CONDITION_CODE_ON_HOLD
    assert dispatched(world) == ([] if "whole_tenant" in what else ["proc-2/env-setup"])
    holds.lift(placed)
    assert "proc-1/env-setup" in dispatched(world)
    assert world.process_states() == ["QUEUED", "PAUSED", "EXECUTING"]


def test_what_is_told_says_what_is_on_hold(world: Any, plan: Any, holds: Holds) -> None:
    world.launch("proc-1", plan)
    for what, words in (
        ({"compute_resource": "local"}, "compute resource local is on hold"),
        ({"address": "local.example.org"}, "host local.example.org is on hold"),
        ({"whole_tenant": True}, "tenant default is on hold"),
    ):
        placed = holds.place(**what)
        assert world.last().reason.startswith(words)
        holds.lift(placed)
        assert world.last().process_state == GOES_ON


def test_whoever_places_a_hold_is_told_how_much_it_keeps(world: Any, plan: Any, holds: Holds, intents: Intents) -> None:
    for number in range(3):
        world.launch(f"proc-{number}", plan)
    world.launch("proc-3", plan, tenant="other", host="elsewhere")
    world.settle()
    intents.want("CANCEL", process="proc-2")
    assert world.last("proc-2").process_state == P.PROCESS_STATE_CANCELING
    whole = holds.place(whole_tenant=True)
    assert (whole.process_count, whole.effect) == (2, "keeps 2 processes now")
    # Both are kept already; this one keeps them as well.
    assert holds.place().process_count == 2
    for who, what, words in (
        (ADA, {"compute_resource": "loca"}, "tenant 'default' has none under way on compute resource 'loca'"),
        (ADA, {"address": "nowhere.org"}, "tenant 'default' has none under way at host 'nowhere.org'"),
        (ROOT, {"tenant": "ohter", "whole_tenant": True}, "tenant 'ohter' has none under way"),
        (ROOT, {"address": "nowhere.org", "all_tenants": True}, "no tenant has any under way at host 'nowhere.org'"),
    ):
        told = holds.place(who, **what)
        assert told.process_count == 0
        assert told.effect == f"keeps 0 processes now: {words}, apart from what is being canceled"
    assert holds.place(EVE, whole_tenant=True).effect == "keeps 1 process now"


def test_what_others_run_goes_on(world: Any, plan: Any, holds: Holds) -> None:
    holds.place(whole_tenant=True)
    holds.place(EVE, compute_resource="elsewhere")
    world.launch("proc-1", plan)
    world.launch("proc-2", plan, tenant="other")
    world.launch("proc-3", plan, tenant="other", host="elsewhere")
    assert dispatched(world) == ["proc-2/env-setup"]
    assert world.last("proc-2").process_state == GOES_ON
    assert "by eve" in world.last("proc-3").reason


def test_an_operator_holds_a_host_for_all_tenants(world: Any, plan: Any, holds: Holds) -> None:
    for number, tenant in enumerate(("default", "other")):
        world.launch(f"proc-{number}", plan, tenant=tenant)
    world.launch("proc-2", plan, tenant="other", host="elsewhere")
    world.settle()
    placed = holds.place(ROOT, address="local.example.org", all_tenants=True, comment="moved")
    assert placed.process_count == 2
    for number in range(2):
        assert world.last(f"proc-{number}").process_state == PAUSED
        assert world.last(f"proc-{number}").reason.endswith(" UTC by an operator: moved")
    assert world.last("proc-2").process_state == GOES_ON
    holds.lift(placed, ROOT)
    assert {world.last(f"proc-{number}").process_state for number in range(3)} == {GOES_ON}


def test_a_run_waits_until_the_last_of_its_holds_is_lifted(world: Any, plan: Any, holds: Holds) -> None:
    first = holds.place(comment="first")
    second = holds.place(whole_tenant=True, comment="second")
    world.launch("proc-1", plan)
    world.settle()
    assert world.last().reason.endswith("first")
    holds.lift(first)
    assert world.orders() == []
    assert (world.last().process_state, world.last().reason[-6:]) == (PAUSED, "second")
    third = holds.place(comment="third")
    assert world.last().reason.endswith("second")
    holds.lift(third)
    assert world.orders() == []
    holds.lift(second)
    assert dispatched(world) == ["proc-1/env-setup"]


def test_a_pause_outlasts_a_hold_and_a_hold_a_pause(world: Any, plan: Any, holds: Holds, intents: Intents) -> None:
    intents.want("PAUSE", comment="wait")
    world.launch("proc-1", plan)
    placed = holds.place(comment="moved")
    told = world.last()
    assert (told.process_state, told.condition_code) == (PAUSED, C.CONDITION_CODE_PAUSED_BY_USER)
    assert told.reason.startswith("paused by ada: wait; and compute resource local is on hold since ")
    holds.lift(placed)
    assert world.orders() == []
    assert (world.last().process_state, world.last().reason) == (PAUSED, "paused by ada: wait")
    placed = holds.place(comment="moved")
    intents.want("RUN")
    assert world.orders() == []
    assert (world.last().process_state, world.last().condition_code) == (PAUSED, C.CONDITION_CODE_ON_HOLD)
    holds.lift(placed)
    assert dispatched(world) == ["proc-1/env-setup"]


def test_a_cancel_ends_what_is_on_hold(world: Any, plan: Any, holds: Holds, intents: Intents) -> None:
    order = under_way(world, plan, "monitor")
    world.say(order, task_state=EXECUTING)
    world.settle()
    placed = holds.place()
    intents.want("CANCEL", comment="too late")
    assert (world.last().process_state, world.last().reason) == (P.PROCESS_STATE_CANCELING, "canceled by ada: too late")
    assert [wish.task_id for wish in intents.wishes()] == ["monitor"]
    world.say(order, **ENDED_AS_ASKED, job={**JOB, "state": 5})
    assert [each.task_id for each in world.work()] == ["cleanup"]
    assert world.last().process_state == P.PROCESS_STATE_CANCELED
    before = world.rows()
    holds.lift(placed)
    assert {name for name, rows in world.rows().items() if rows != before[name]} == {"hold"}


def test_a_cancel_of_a_launch_that_waits_contacts_nobody(world: Any, plan: Any, holds: Holds, intents: Intents) -> None:
    holds.place()
    world.launch("proc-1", plan)
    world.settle()
    intents.want("CANCEL")
    assert world.orders() == []
    assert set(ends(world).values()) == {"CANCELED"}
    assert world.process_states() == ["QUEUED", "PAUSED", "CANCELED"]


def test_a_blocked_process_is_blocked_again_when_the_hold_is_lifted(world: Any, plan: Any, holds: Holds) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, task_state=EXECUTING, blocked=True, reason="h is away", condition_code=1)
    world.settle()
    placed = holds.place()
    assert world.last().process_state == PAUSED
    holds.lift(placed)
    assert (world.last().process_state, world.last().reason) == (P.PROCESS_STATE_BLOCKED, "env-setup: h is away")


def test_a_process_on_hold_at_its_last_task_completes(world: Any, plan: Any, holds: Holds) -> None:
    order = under_way(world, plan, "cleanup")
    placed = holds.place()
    world.say(order, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED
    assert world.handlers.follow_holds() == IDLE
    holds.lift(placed)
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_what_waits_goes_on_in_batches_and_a_scheduler_that_comes_after_takes_up_the_rest(
    world: Any, plan: Any, holds: Holds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "DUE_AT_ONCE", 4)
    placed = holds.place()
    for number in range(10):
        world.launch(f"proc-{number}", plan)
    world.settle()
    assert world.orders() == []
    holds.lift_only(placed)
    assert world.handlers.follow_holds() == 0
    assert len(world.orders()) == 4
    dies(world)
    world.start()
    holds.follow()
    assert len(world.orders()) == 6
    assert world.handlers.follow_holds() == IDLE


def test_a_scheduler_that_dies_while_runs_go_on_leaves_them_as_they_were(
    world: Any, plan: Any, holds: Holds, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = holds.place()
    for number in range(3):
        world.launch(f"proc-{number}", plan)
    world.settle()
    holds.lift_only(placed)
    before = world.rows()

    def killed(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(world.outbox, "add_many", killed)
        with pytest.raises(RuntimeError, match="killed"):
            world.handlers.follow_holds()
    assert world.rows() == before
    holds.follow()
    assert len(world.orders()) == 3


@SEVERAL_OWNERS
def test_several_schedulers_let_each_run_go_on_once(world: Any, plan: Any, holds: Holds) -> None:
    placed = holds.place()
    for number in range(40):
        world.launch(f"proc-{number}", plan)
    world.settle()
    mine = world.handlers
    for _ in range(2):
        world.start()
    owners = [mine, world.handlers, world.handlers]
    start = threading.Barrier(len(owners))

    def follow(each: Any) -> None:
        start.wait(10)
        for _ in range(5):
            each.follow_holds()

    holds.lift_only(placed)
    with ThreadPoolExecutor(len(owners)) as pool:
        list(pool.map(follow, owners))
    dies(world)
    holds.follow()
    assert dispatched(world) == sorted(f"proc-{number}/env-setup" for number in range(40))
    with world.db.read() as tx:
        run = metadata.tables["run"]
        assert not tx.execute(sa.select(run.c.process_id).where(run.c.hold_id.is_not(None))).all()


@SEVERAL_OWNERS
def test_a_hold_lifted_while_a_run_comes_to_wait_for_it_is_followed_afterwards(
    world: Any, plan: Any, holds: Holds
) -> None:
    """The run is written after the sweep has looked, by a transaction that saw the hold."""
    placed = holds.place()
    world.launch("proc-1", plan)
    deliveries = world.batch()
    saw, go_on = threading.Event(), threading.Event()
    add_many = world.outbox.add_many

    def slowly(tx: Any, rows: Any) -> None:
        saw.set()
        assert go_on.wait(20)
        add_many(tx, rows)

    world.outbox.add_many = slowly
    with ThreadPoolExecutor(1) as pool:
        launched = pool.submit(world.consumers.handle, deliveries)
        assert saw.wait(20)
        holds.lift_only(placed)
        assert world.handlers.follow_holds() == IDLE
        go_on.set()
        launched.result(20)
    world.outbox.add_many = add_many
    world.consumer.commit([delivery.received for delivery in deliveries])
    assert world.process_states() == ["QUEUED", "PAUSED"]
    holds.follow()
    assert dispatched(world) == ["proc-1/env-setup"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_hold_keeps_is_found_by_index(world: Any) -> None:
    """However many runs are under way: this is asked every second."""
    asked: list[str] = []
    sa.event.listen(world.db._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    world.handlers.follow_holds()
    (query,) = [each for each in asked if "hold" in each]
    with world.db.read() as tx:
        steps = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("",) * query.count("?"))]
    assert [step for step in steps if "SEARCH run USING INDEX" in step]
    assert not [step for step in steps if step.startswith("SCAN run")]


def test_what_waits_is_explained(world: Any, plan: Any, holds: Holds, intents: Intents) -> None:
    placed = holds.place(comment="moved")
    world.launch("proc-1", plan)
    world.settle()
    of_hold, of_task = world.handlers.explain_run("default", "proc-1")[:2]
    assert of_hold.waits_for == world.last().reason
    assert of_hold.since_us == placed.hold.place_time.ToMicroseconds()
    assert (of_hold.next, of_hold.condition) == ("it goes on when the hold is lifted", C.CONDITION_CODE_ON_HOLD)
    assert (of_task.task_id, of_task.next) == ("env-setup", "it begins once the hold is lifted")
    intents.want("PAUSE")
    paused, of_hold = world.handlers.explain_run("default", "proc-1")[:2]
    assert paused.waits_for == "it is paused by ada"
    assert of_hold.next == "that hold is to be lifted, too"
