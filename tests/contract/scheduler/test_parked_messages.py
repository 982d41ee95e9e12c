"""A process of which a message is parked is paused, says why, and goes on once an operator has seen to the message."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis.errors import WrongState
from services.chassis.outcomes import FOREIGN_TENANT, REPLAYED, STALE, UNKNOWN
from services.scheduler import wire
from services.scheduler.domain.model import ParkingTold
from tests.contract.scheduler.aside import Aside, garbage
from tests.contract.scheduler.held import Holds
from tests.contract.scheduler.intended import COMPLETED, EXECUTING, TRANSIENT, C, Intents, P, ends, under_way

PAUSED, GOES_ON = P.PROCESS_STATE_PAUSED, P.PROCESS_STATE_EXECUTING
MESSAGE_PARKED = C.CONDITION_CODE_MESSAGE_PARKED


@pytest.fixture
def aside(world: Any) -> Aside:
    return Aside(world)


def ids(orders: Any) -> list[str]:
    return [order.task_id for order in orders]


def standing(world: Any, process_id: str = "proc-1") -> tuple[int, int]:
    told = world.last(process_id)
    return told.process_state, told.condition_code


def test_it_is_paused_and_says_which_message_and_why_while_what_is_under_way_ends(
    world: Any, plan: Any, aside: Aside
) -> None:
    order = under_way(world, plan, "env-setup")
    place = aside.park(garbage(), "failed 3 times; the last: ValueError: nothing")
    assert standing(world) == (PAUSED, MESSAGE_PARKED)
    told = world.last()
    assert told.reason == (
        "a message about it is parked: scheduler could not handle vahana.status/3@1 (process):"
        " failed 3 times; the last: ValueError: nothing"
    )
    world.say(order, task_state=EXECUTING)
    world.say(order, task_state=COMPLETED)
    assert world.orders() == []
    assert ends(world)["env-setup"] == "COMPLETED"
    assert world.last() == told
    aside.discard(place)
    assert ids(world.orders()) == ["stage-in-a", "stage-in-b"]
    assert (*standing(world), world.last().reason) == (GOES_ON, 0, "")


def test_what_is_explained(world: Any, plan: Any, aside: Aside) -> None:
    order = under_way(world, plan, "env-setup")
    aside.park(garbage())
    world.say(order, task_state=COMPLETED)
    world.settle()
    first, *tasks = world.handlers.explain_run("default", "proc-1")[:3]
    assert first.waits_for == world.last().reason
    assert first.next.startswith("it goes on once an operator has had the message handled")
    assert (first.task_id, first.condition) == ("", MESSAGE_PARKED)
    assert first.since_us > 0
    assert {each.waits_for for each in tasks} == {
        "its turn has come, but nothing new begins while a message about the process is parked"
    }


def test_one_that_is_handled_at_last_lets_it_go_on(world: Any, plan: Any, aside: Aside) -> None:
    order = under_way(world, plan, "env-setup")
    message = world.say(order, task_state=COMPLETED)
    world.batch()  # read, and not handled
    place = aside.park(message.SerializeToString())
    assert world.orders() == []
    aside.unpark(place)
    assert ids(world.orders()) == ["stage-in-a", "stage-in-b"]
    assert standing(world) == (GOES_ON, 0)


def test_one_that_fails_again_keeps_it_paused(world: Any, plan: Any, aside: Aside) -> None:
    under_way(world, plan, "env-setup")
    place = aside.park(garbage())
    with pytest.raises(WrongState):
        aside.unpark(place)
    assert standing(world) == (PAUSED, MESSAGE_PARKED)


def test_it_waits_for_the_last_of_several(world: Any, plan: Any, aside: Aside) -> None:
    order = under_way(world, plan, "env-setup")
    first, second = aside.park(garbage()), aside.park(garbage())
    aside.told(7, parked=True)
    world.say(order, task_state=COMPLETED)
    world.settle()
    for place, sentence in ((first, "status/3@2"), (second, "executor could not handle vahana.task.env-setup/2@7")):
        aside.discard(place)
        assert sentence in world.last().reason
        assert standing(world) == (PAUSED, MESSAGE_PARKED)
    assert world.orders() == []
    aside.told(7, parked=False)
    assert ids(world.orders()) == ["stage-in-a", "stage-in-b"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(garbage(tenant="other"), id="of another tenant"),
        pytest.param(garbage("proc-2"), id="of no process"),
        pytest.param(garbage("x" * 300), id="of what can be none"),
        pytest.param(garbage(""), id="names none"),
        pytest.param(b"\xff\xff", id="no envelope"),
    ],
)
def test_what_is_not_about_a_process_of_its_tenant_pauses_nobody(
    world: Any, plan: Any, aside: Aside, value: bytes
) -> None:
    under_way(world, plan, "env-setup")
    before = world.rows()
    place = aside.park(value)
    assert standing(world) == (GOES_ON, 0)
    aside.discard(place)
    assert world.rows() == before


def test_an_executors_word_of_another_tenant_or_process_is_ignored_and_counted(
    world: Any, plan: Any, aside: Aside
) -> None:
    under_way(world, plan, "env-setup")
    foreign = aside.told(1, parked=True, tenant="other")
    unknown = aside.told(1, parked=True, process_id="proc-2")
    assert standing(world) == (GOES_ON, 0)
    for envelope, outcome in ((foreign, FOREIGN_TENANT), (unknown, UNKNOWN)):
        envelope.id += "/again"
        counts = world.handlers.take([], [], parkings=[wire.read_parking(envelope)])
        assert +counts == {(ParkingTold, outcome): 1}


def test_an_executors_word_counts_once_however_often_it_comes(world: Any, plan: Any, aside: Aside) -> None:
    under_way(world, plan, "env-setup")
    parked = aside.told(1, parked=True)
    assert standing(world) == (PAUSED, MESSAGE_PARKED)
    released = aside.told(1, parked=False)
    aside.say(parked)
    assert standing(world) == (GOES_ON, 0)
    # Parked once more, it is not released by what came before.
    aside.told(1, parked=True)
    aside.say(released)
    assert standing(world) == (PAUSED, MESSAGE_PARKED)
    counts = world.handlers.take([], [], parkings=[wire.read_parking(released)])
    assert +counts == {(ParkingTold, REPLAYED): 1}


def test_another_message_at_its_place_is_of_a_lost_topic_and_lets_it_go_on(world: Any, plan: Any, aside: Aside) -> None:
    for number in (1, 2):
        world.launch(f"proc-{number}", plan)
    world.settle()
    aside.park(garbage(), offset=5)
    aside.park(garbage("proc-2"), offset=5)
    assert standing(world) == (GOES_ON, 0)
    assert standing(world, "proc-2") == (PAUSED, MESSAGE_PARKED)


def test_a_pause_and_a_hold_stand_beside_it(
    world: Any, plan: Any, aside: Aside, intents: Intents, holds: Holds
) -> None:
    order = under_way(world, plan, "env-setup")
    intents.want("PAUSE")
    place = aside.park(garbage())
    placed = holds.place()
    assert standing(world) == (PAUSED, C.CONDITION_CODE_PAUSED_BY_USER)
    told = world.last().reason.split("; and ")
    assert [each.split(" ")[0] for each in told] == ["paused", "a", "compute"]
    world.say(order, task_state=COMPLETED)
    aside.discard(place)
    assert "parked" not in world.last().reason
    holds.lift(placed)
    assert world.orders() == []
    place = aside.park(garbage())
    intents.want("RUN")
    assert standing(world) == (PAUSED, MESSAGE_PARKED)
    assert world.orders() == []
    aside.discard(place)
    assert len(world.orders()) == 2


def test_a_resume_does_not_take_it_off(world: Any, plan: Any, aside: Aside, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    aside.park(garbage())
    world.say(order, task_state=COMPLETED)
    intents.want("RUN")
    assert world.orders() == []
    assert standing(world) == (PAUSED, MESSAGE_PARKED)


def test_a_cancel_ends_it_all_the_same(world: Any, plan: Any, aside: Aside, intents: Intents) -> None:
    order = under_way(world, plan, "env-setup")
    aside.park(garbage())
    intents.want("CANCEL")
    told = [each.waits_for for each in world.handlers.explain_run("default", "proc-1")]
    assert told[:2] == ["it is being canceled by ada", told[1]]
    assert told[1].startswith("a message about it is parked")
    world.say(order, task_state=EXECUTING)
    world.say(order, task_state=COMPLETED)
    world.work()
    assert world.last().process_state == P.PROCESS_STATE_CANCELED


def test_no_attempt_is_opened_and_nothing_is_sent_again_meanwhile(
    world: Any, task: Any, aside: Aside, intents: Intents
) -> None:
    world.launch("proc-1", [task("again"), task("parked")])
    again, _ = world.orders()
    world.say(again, **TRANSIENT)
    world.settle()
    aside.told(1, parked=True)
    for _ in range(3):
        world.forward(120)
        world.handlers.open_due_attempts()
        world.handlers.send_unanswered_again()
        assert world.orders() == []
    aside.told(1, parked=False)
    (opened,) = world.orders()
    assert (opened.task_id, opened.attempt) == ("again", 2)
    world.forward(120)
    world.handlers.send_unanswered_again()
    assert "parked" in ids(world.orders())


def test_a_cancel_is_asked_for_again_all_the_same(world: Any, plan: Any, aside: Aside, intents: Intents) -> None:
    under_way(world, plan, "env-setup")
    aside.told(1, parked=True)
    intents.want("CANCEL")
    assert len(intents.wishes()) == 1
    world.forward(120)
    world.handlers.send_unanswered_again()
    assert len(intents.wishes()) == 1


def test_a_process_that_has_ended_stays_as_it_is(world: Any, task: Any, aside: Aside) -> None:
    world.launch("proc-1", [task("only")])
    world.work()
    ended = world.last()
    assert ended.process_state == P.PROCESS_STATE_COMPLETED
    parked = aside.told(1, parked=True)
    aside.discard(aside.park(garbage()))
    assert world.last() == ended
    parked.id += "/again"
    counts = world.handlers.take([], [], parkings=[wire.read_parking(parked)])
    assert +counts == {(ParkingTold, STALE): 1}


def test_one_that_ends_while_it_is_paused_ends(world: Any, task: Any, aside: Aside) -> None:
    world.launch("proc-1", [task("only")])
    (order,) = world.orders()
    place = aside.park(garbage())
    world.say(order, task_state=COMPLETED)
    assert world.last().process_state == P.PROCESS_STATE_COMPLETED
    ended = world.rows()["run"]
    aside.discard(place)
    assert world.rows()["run"] == ended


def test_nobody_but_executors_says_what_they_have_parked(world: Any, plan: Any, aside: Aside) -> None:
    under_way(world, plan, "env-setup")
    with pytest.raises(ValueError, match="does not belong here"):
        aside.told(1, parked=True, source="somebody")
