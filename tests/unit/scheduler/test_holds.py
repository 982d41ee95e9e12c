"""Which runs a hold keeps, what they say of it, and how holds, pauses and cancels go together: the pure part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.scheduler import walker
from services.scheduler.domain import progress
from services.scheduler.domain.explaining import explain
from services.scheduler.domain.holds import ALL_TENANTS, Hold, same_host, settle
from services.scheduler.domain.intents import MESSAGE_PARKED, ON_HOLD
from services.scheduler.domain.model import Run, Task, Trouble
from services.scheduler.domain.states import Intent, ProcessState, TaskState, TaskType, TriggerRule
from services.scheduler.walker import Node, Tally, Verdict
from vahana.event.v1 import state_pb2

NOON = 1_772_366_400_000_000
HOLD = Hold("hold-1", "t", "big", "", "maintenance", "ada", "t", NOON)
WHOLE = replace(HOLD, hold_id="hold-2", compute_resource="", placed_us=NOON + 1)
HOST = replace(WHOLE, hold_id="hold-3", tenant=ALL_TENANTS, address="h.example.org", placer_tenant="mesh")


def run(**changes: Any) -> Run:
    made = Run("t", "p", "e", 0, b"", 0, 0, compute_resource="big", address="h.example.org")
    return replace(made, **changes)


def test_the_codes_are_the_contracts() -> None:
    assert state_pb2.ConditionCode.Name(ON_HOLD) == "CONDITION_CODE_ON_HOLD"
    assert state_pb2.ConditionCode.Name(MESSAGE_PARKED) == "CONDITION_CODE_MESSAGE_PARKED"


@pytest.mark.parametrize(
    ("hold", "changes", "kept"),
    [
        (HOLD, {}, True),
        (HOLD, {"compute_resource": "small"}, False),
        (HOLD, {"tenant": "other"}, False),
        (WHOLE, {"compute_resource": "small"}, True),
        (WHOLE, {"tenant": "other"}, False),
        (HOST, {"tenant": "other", "compute_resource": "small"}, True),
        (HOST, {"address": "other.example.org"}, False),
        (replace(HOST, tenant="t"), {"tenant": "other"}, False),
    ],
)
def test_what_a_hold_keeps(hold: Hold, changes: Any, kept: bool) -> None:
    assert hold.keeps(run(**changes)) is kept


def test_addresses_are_compared_as_dns_does() -> None:
    assert same_host("H.Example.ORG.") == "h.example.org"


def test_what_is_told_of_a_hold() -> None:
    since = "is on hold since 2026-03-01 12:00:00 UTC by"
    assert HOLD.sentence == f"compute resource big {since} ada: maintenance"
    assert replace(WHOLE, comment="").sentence == f"tenant t {since} ada"
    assert HOST.sentence == f"host h.example.org {since} an operator: maintenance"
    assert (HOLD.imposed, HOST.imposed, replace(HOLD, placer_tenant="mesh").imposed) == (False, True, True)
    assert (HOST.placed_by_for("mesh"), HOST.placed_by_for("t")) == ("ada", "an operator")


def test_a_run_stays_with_its_hold_then_takes_the_oldest_then_none() -> None:
    waits = run()
    assert settle(waits, [HOST, WHOLE, HOLD])
    assert (waits.hold_id, waits.hold_reason, waits.hold_since_us) == ("hold-1", HOLD.sentence, NOON)
    assert not settle(waits, [WHOLE, HOLD, replace(WHOLE, hold_id="hold-0", placed_us=0)])
    assert settle(waits, [HOST, WHOLE])
    assert waits.hold_id == "hold-2"
    assert settle(waits, [replace(HOLD, tenant="other")])
    assert (waits.hold_id, waits.hold_reason, waits.hold_since_us) == (None, "", None)
    assert not settle(waits, [])


@pytest.mark.parametrize("intent", list(Intent))
@pytest.mark.parametrize("kept", [{}, {"hold_id": "hold-1"}, {"parked_since_us": NOON}])
def test_a_pause_holds_so_do_a_hold_and_a_parked_message_and_a_cancel_ends_all(intent: Intent, kept: Any) -> None:
    held = intent is Intent.PAUSE or (intent is Intent.RUN and bool(kept))
    assert run(intent=intent, **kept).held is held


def test_how_a_process_on_hold_stands() -> None:
    held = run(state=ProcessState.EXECUTING, hold_id="hold-1", hold_reason="big is on hold")
    blocked = Task("t", "p", "x", 0, 0, TaskType.ENV_SETUP, TriggerRule.ALL_SUCCESS, True, (), "", None)
    blocked.trouble = Trouble.BLOCKED
    standing = progress.standing_of(held, None, blocked)
    assert (standing.state, standing.reason, standing.condition) == (ProcessState.PAUSED, "big is on hold", ON_HOLD)
    both = progress.standing_of(replace(held, intent=Intent.PAUSE, intent_reason="paused by eve"), None, None)
    assert (both.reason, both.condition) == ("paused by eve; and big is on hold", 19)
    canceling = progress.standing_of(replace(held, intent=Intent.CANCEL, intent_reason="canceled by eve"), None, None)
    assert (canceling.state, canceling.reason) == (ProcessState.CANCELING, "canceled by eve")
    assert progress.standing_of(held, ProcessState.COMPLETED, None).state is ProcessState.COMPLETED


def test_a_process_being_canceled_is_not_explained_by_its_hold() -> None:
    canceling = run(
        hold_id="hold-1", hold_reason="big is on hold", intent=Intent.CANCEL, intent_reason="canceled by eve"
    )
    assert [each.waits_for for each in explain(canceling, [], {})] == ["it is being canceled by eve"]


@pytest.mark.parametrize(
    ("tally", "doomed", "found"),
    [
        (Tally(1), False, Verdict.WAIT),
        (Tally(0), False, Verdict.HOLD),
        (Tally(0), True, Verdict.CANCEL),
        (Tally(0, failed=1), False, Verdict.SKIP),
    ],
)
def test_a_walk_holds_only_what_would_run(tally: Tally, doomed: bool, found: Verdict) -> None:
    assert walker.verdict(TriggerRule.ALL_SUCCESS, tally, doomed=doomed, held=True) is found


def test_a_walk_on_hold_holds_its_roots_and_what_comes_after_and_ends_what_is_skipped() -> None:
    plan = [Node("a", TriggerRule.ALL_SUCCESS), Node("b", TriggerRule.ALL_SUCCESS, ["a"])]
    plan.append(Node("mend", TriggerRule.ONE_FAILED, ["a"]))
    first = walker.start(plan, held=True)
    assert (first.run, first.hold) == ([], ["a"])
    rules = {node.task_id: node.rule for node in plan}
    second = walker.advance([(TaskState.COMPLETED, ["b", "mend"])], rules, first.tallies, held=True)
    assert (second.run, second.hold, second.skip) == ([], ["b"], ["mend"])
