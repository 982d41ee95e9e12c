"""Pause, resume and cancel, through the real handlers, outbox and relay."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis.bus.topics import CANCEL, PROCESS
from vahana.event.v1 import event_pb2, state_pb2

S, C, P, I = state_pb2.TaskState, state_pb2.ConditionCode, state_pb2.ProcessState, state_pb2.ProcessIntent  # noqa: E741
EXECUTING, COMPLETED, FAILED, CANCELED = (
    S.TASK_STATE_EXECUTING,
    S.TASK_STATE_COMPLETED,
    S.TASK_STATE_FAILED,
    S.TASK_STATE_CANCELED,
)
TRANSIENT = {"task_state": FAILED, "reason": "host went away", "condition_code": 1, "retryable": True}
ENDED_AS_ASKED = {"task_state": CANCELED, "reason": "canceled by ada", "condition_code": 18}
JOB = {"name": "xproc-1-submit.a1.g1", "job_id": "42", "state": 1, "directory": "jobs/submit.a1"}


class Intents:
    """Says what a person wants, and hears what executors are asked to end."""

    def __init__(self, world: Any) -> None:
        self.world, self.seq = world, 0
        self._wishes = world.bus.consumer("cancelers", [CANCEL])

    def want(self, intent: str, *, seq: int = 0, tenant: str = "default", comment: str = "", process: str = "proc-1"):
        self.seq = seq or self.seq + 1
        wanted = event_pb2.ProcessIntended(
            experiment_id=f"exp-of-{process}",
            process_id=process,
            intent=I.Value(f"PROCESS_INTENT_{intent}"),
            seq=self.seq,
            caller="ada",
            comment=comment,
        )
        envelope = event_pb2.Envelope(
            id=f"intent-{process}-{self.seq}", tenant=tenant, aggregate_id=process, source="experiment"
        )
        envelope.process_intended.CopyFrom(wanted)
        self.world.publish(PROCESS.name, process, envelope)
        self.world.settle()

    def wishes(self) -> list[event_pb2.TaskCanceled]:
        self.world.settle()
        found = []
        while received := self._wishes.poll(0, 500):
            found += [event_pb2.Envelope.FromString(each.value).task_canceled for each in received]
        return found


@pytest.fixture
def intents(world: Any) -> Intents:
    return Intents(world)


def under_way(world: Any, plan: Any, until: str) -> Any:
    """Launches and works until `until` is dispatched; returns that order."""
    world.launch("proc-1", plan)
    while True:
        orders = world.orders()
        for order in orders:
            if order.task_id == until:
                return order
        for order in orders:
            world.say(order, task_state=EXECUTING)
            job = {"job": JOB} if order.task_id == "submit" else {}
            world.say(order, task_state=COMPLETED, **job)


def ends(world: Any) -> dict[str, str]:
    return world.task_states()


def test_a_paused_process_begins_nothing_until_it_is_resumed(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    intents.want("PAUSE", comment="the input is wrong")
    told = world.last()
    assert told.process_state == P.PROCESS_STATE_PAUSED
    assert told.reason == "paused by ada: the input is wrong"
    assert told.condition_code == C.CONDITION_CODE_PAUSED_BY_USER
    world.say(order, task_state=COMPLETED)
    assert world.orders() == []
    assert world.last().process_state == P.PROCESS_STATE_PAUSED
    assert intents.wishes() == []
    intents.want("RUN")
    assert [each.task_id for each in world.orders()] == ["stage-in-a", "stage-in-b"]
    assert (world.last().process_state, world.last().reason) == (P.PROCESS_STATE_EXECUTING, "")
    assert intents.world.orders() == []


def test_no_attempt_is_opened_while_paused(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("PAUSE")
    world.forward(60)
    assert world.handlers.open_due_attempts() == 0
    assert world.orders() == []
    assert world.handlers.open_due_attempts() > 0
    intents.want("RUN")
    (again,) = world.orders()
    assert (again.task_id, again.attempt) == ("env-setup", 2)
    world.say(again, task_state=COMPLETED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_process_paused_at_its_last_task_completes(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "cleanup")
    intents.want("PAUSE")
    world.say(order, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_blocked_process_is_paused_and_is_blocked_again_when_resumed(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, task_state=EXECUTING, blocked=True, reason="h is away", condition_code=1)
    world.settle()
    intents.want("PAUSE")
    assert world.last().process_state == P.PROCESS_STATE_PAUSED
    intents.want("RUN")
    assert world.last().process_state == P.PROCESS_STATE_BLOCKED
    assert world.last().reason == "env-setup: h is away"


def test_canceling_asks_what_is_under_way_and_ends_the_rest_and_cleans_up(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "monitor")
    world.say(order, task_state=EXECUTING)
    world.settle()
    intents.want("CANCEL", comment="too late")
    assert world.last().process_state == P.PROCESS_STATE_CANCELING
    assert world.last().reason == "canceled by ada: too late"
    assert world.last().condition_code == C.CONDITION_CODE_CANCELED_BY_USER
    (wish,) = intents.wishes()
    assert (wish.task_id, wish.attempt, wish.type) == ("monitor", 1, state_pb2.TASK_TYPE_MONITORING)
    assert wish.reason == "canceled by ada: too late"
    world.say(order, **ENDED_AS_ASKED, job={**JOB, "state": 5})
    (cleanup,) = world.orders()
    assert (cleanup.task_id, cleanup.cancel_reason) == ("cleanup", "")
    states = ends(world)
    assert {states[name] for name in ("monitor", "stage-out-c", "stage-out-stdout")} == {"CANCELED"}
    world.say(cleanup, task_state=COMPLETED)
    world.settle()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED
    assert world.last().reason == "canceled by ada: too late"
    assert ends(world)["submit"] == "COMPLETED"


def test_an_attempt_that_wins_the_race_keeps_its_end(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "stage-out-c")
    intents.want("CANCEL")
    assert {wish.task_id for wish in intents.wishes()} == {"stage-out-c", "stage-out-stdout"}
    world.say(order, task_state=COMPLETED)
    world.settle()
    other = order.__class__.FromString(order.SerializeToString())
    other.task_id = "stage-out-stdout"
    world.say(other, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED


def test_a_cancel_before_anything_was_dispatched_contacts_nobody(world: Any, plan: Any, intents: Intents) -> None:
    intents.want("CANCEL")
    world.launch("proc-1", plan)
    assert world.orders() == []
    assert intents.wishes() == []
    assert set(ends(world).values()) == {"CANCELED"}
    assert world.process_states() == ["QUEUED", "CANCELED"]


def test_an_early_pause_is_kept_for_the_launch(world: Any, plan: Any, intents: Intents) -> None:
    intents.want("PAUSE", seq=2)
    intents.want("CANCEL", seq=1)
    world.launch("proc-1", plan)
    assert world.orders() == []
    assert world.last().process_state == P.PROCESS_STATE_PAUSED
    intents.want("RUN", seq=3)
    assert [order.task_id for order in world.orders()] == ["env-setup"]


def test_launch_and_intents_in_one_batch(world: Any, plan: Any, intents: Intents) -> None:
    world.launch("proc-1", plan)
    intents.want("PAUSE")
    assert world.process_states() == ["QUEUED", "PAUSED"]


@pytest.mark.parametrize("late", [{"seq": 1}, {"seq": 4, "tenant": "other"}, {"seq": 3}])
def test_stale_and_foreign_intents_change_nothing(world: Any, plan: Any, intents: Intents, late: Any) -> None:
    under_way(world, plan, "env-setup")
    intents.want("PAUSE", seq=2)
    intents.want("PAUSE", seq=3)
    before = world.rows()
    intents.want("RUN", **late)
    assert world.rows() == before


def test_there_is_no_way_back_from_a_cancel(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "env-setup")
    intents.want("CANCEL")
    before = world.rows()
    intents.want("RUN")
    intents.want("PAUSE")
    assert world.rows() == before


def test_an_ended_process_stays_as_it_is(world: Any, plan: Any, intents: Intents) -> None:
    world.launch("proc-1", plan)
    world.work()
    before = world.rows()
    for intent in ("PAUSE", "RUN", "CANCEL"):
        intents.want(intent)
    assert world.rows() == before


def test_a_paused_process_whose_job_runs_unwatched_is_canceled_with_its_job(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    intents.want("PAUSE")
    world.say(order, task_state=COMPLETED, job=JOB)
    assert world.orders() == []
    intents.want("CANCEL")
    (monitor,) = world.orders()
    assert (monitor.task_id, monitor.cancel_reason) == ("monitor", "canceled by ada")
    assert monitor.jobs["submit"].job_id == "42"
    assert intents.wishes() == []
    world.say(monitor, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED


def test_a_job_handed_over_while_it_was_to_be_canceled_is_ended_by_its_monitoring(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    intents.want("CANCEL")
    assert [wish.task_id for wish in intents.wishes()] == ["submit"]
    world.say(order, task_state=COMPLETED, job=JOB)
    (monitor,) = world.orders()
    assert monitor.cancel_reason == "canceled by ada"
    world.say(monitor, **ENDED_AS_ASKED)
    world.work()
    assert (world.last().process_state, ends(world)["monitor"]) == (P.PROCESS_STATE_CANCELED, "CANCELED")


def test_a_submission_that_waits_for_its_next_attempt_looks_for_what_the_last_one_left(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "submit")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    (closing,) = world.orders()
    assert (closing.task_id, closing.attempt, closing.cancel_reason) == ("submit", 2, "canceled by ada")
    world.say(closing, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED


def test_what_leaves_nothing_behind_is_canceled_at_once_between_attempts(
    world: Any, plan: Any, intents: Intents
) -> None:
    order = under_way(world, plan, "env-setup")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    assert [each.task_id for each in world.orders()] == ["cleanup"]
    assert intents.wishes() == []


def test_no_attempt_follows_a_failure_while_canceling(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "submit")
    intents.want("CANCEL")
    world.say(order, **TRANSIENT)
    world.work()
    assert ends(world)["submit"] == "FAILED"
    told = world.last()
    assert (told.process_state, told.reason) == (P.PROCESS_STATE_CANCELED, "canceled by ada; submit: host went away")


def test_a_cancel_is_repeated_until_the_attempt_ends(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "monitor")
    world.say(order, task_state=EXECUTING)
    world.settle()
    intents.want("CANCEL")
    assert len(intents.wishes()) == 1
    world.say(order, task_state=EXECUTING, blocked=True, reason="h is away", condition_code=1)
    for _ in range(2):
        world.forward(60 * 4)
        world.handlers.send_unanswered_again()
        assert [wish.task_id for wish in intents.wishes()] == ["monitor"]
        assert world.orders() == []
    told = world.last()
    assert told.process_state == P.PROCESS_STATE_CANCELING
    assert told.reason == "canceled by ada; still to be ended, monitor: h is away"
    assert told.condition_code == C.CONDITION_CODE_HOST_UNREACHABLE
    world.say(order, **ENDED_AS_ASKED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED
    world.forward(60 * 100)
    world.handlers.send_unanswered_again()
    assert intents.wishes() == []


def test_a_dispatch_nobody_answered_is_repeated_with_its_cancel(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "monitor")
    intents.want("CANCEL")
    assert len(intents.wishes()) == 1
    world.forward(61)
    world.handlers.send_unanswered_again()
    assert [order.task_id for order in world.orders()] == ["monitor"]
    assert len(intents.wishes()) == 1


def test_messages_forgotten_by_the_outbox_are_written_anew(world: Any, plan: Any, intents: Intents) -> None:
    under_way(world, plan, "monitor")
    intents.want("CANCEL")
    intents.wishes()
    with world.db.write() as tx:
        world.outbox.purge(tx, world.db.now_us(tx) + 10**9)
    world.forward(61)
    world.handlers.send_unanswered_again()
    (order,) = world.orders()
    assert order.cancel_reason == "canceled by ada"
    assert len(intents.wishes()) == 1


def test_whoever_waits_for_leaves_alone_is_not_run_before_all_has_ended(
    world: Any, task: Any, intents: Intents
) -> None:
    plan = [
        task("a"),
        task("b", depends_on=["a"]),
        task("cleanup", "CLEANUP", ["b"], rule="ALL_DONE", required=False),
    ]
    order = under_way(world, plan, "a")
    intents.want("CANCEL")
    assert world.orders() == []
    assert ends(world) == {"a": "SCHEDULED", "b": "CREATED", "cleanup": "CREATED"}
    world.say(order, **ENDED_AS_ASKED)
    assert [each.task_id for each in world.orders()] == ["cleanup"]


@pytest.mark.parametrize(("rule", "runs"), [("ALL_DONE", True), ("ONE_FAILED", False), ("ALL_SUCCESS", False)])
def test_a_canceled_process_is_cleaned_up_by_its_policy(
    world: Any, task: Any, intents: Intents, rule: str, runs: bool
) -> None:
    plan = [task("a"), task("cleanup", "CLEANUP", ["a"], rule=rule, required=False)]
    order = under_way(world, plan, "a")
    intents.want("CANCEL")
    world.say(order, **ENDED_AS_ASKED)
    assert bool(world.work()) is runs
    assert world.last().process_state == P.PROCESS_STATE_CANCELED


def test_what_is_told_is_numbered_without_gaps(world: Any, plan: Any, intents: Intents) -> None:
    order = under_way(world, plan, "stage-in-a")
    intents.want("PAUSE")
    intents.want("RUN")
    world.say(order, **TRANSIENT)
    world.settle()
    intents.want("CANCEL")
    for wish in intents.wishes():
        order.task_id = wish.task_id
        world.say(order, **ENDED_AS_ASKED)
    world.work()
    told = world.read()
    for key in {(change.task_id, change.attempt) for change in told}:
        numbers = [change.seq for change in told if (change.task_id, change.attempt) == key]
        assert numbers == list(range(1, len(numbers) + 1)), key
    assert told[-1].process_state == P.PROCESS_STATE_CANCELED
