"""The lane of a dispatch: said in it, and taken by it."""

from __future__ import annotations

from typing import Any

from services.chassis.bus.lanes import Lane
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

HOST = "local.example.org:22"
LARGE = 64 * 1024**2 + 1
TRANSIENT = {"task_state": state_pb2.TaskState.TASK_STATE_FAILED, "reason": "host went away", "retryable": True}


def lanes(world: Any) -> dict[tuple[str, int], list[Lane]]:
    """The lanes of each dispatch so far, by task and attempt; what it says is where it is."""
    world.settle()
    found: dict[tuple[str, int], list[Lane]] = {}
    for (topic, _), records in world.bus.records.items():
        for each in records:
            order = event_pb2.Envelope.FromString(each.value).task_dispatched
            if topic.startswith("vahana.task.") and order.process_id:
                assert order.lane == each.lane
                found.setdefault((order.task_id, order.attempt), []).append(each.lane)
    return found


def test_only_the_staging_of_what_is_known_to_be_large_is_slow(world: Any, plan: Any) -> None:
    plan[1].spec.data_staging_in.size = LARGE
    plan[2].spec.data_staging_in.size = LARGE - 1
    world.launch("proc-1", plan)
    world.work()
    told = lanes(world)
    assert told.pop(("stage-in-a", 1)) == [Lane.SLOW]
    assert len(told) == 7
    assert {lane for each in told.values() for lane in each} == {Lane.FAST}


def test_everything_is_slow_on_a_slow_host_while_it_is_one(world: Any, task: Any) -> None:
    world.slow_hosts = {"another:22", HOST}
    world.launch("proc-1", [task("first"), task("second", depends_on=["first"])])
    assert lanes(world) == {("first", 1): [Lane.SLOW]}
    world.slow_hosts = {"another:22", HOST.replace(":22", ":2222")}
    world.work()
    assert lanes(world) == {("first", 1): [Lane.SLOW], ("second", 1): [Lane.FAST]}


def test_who_waits_for_an_executor_is_told_the_lane(world: Any, task: Any) -> None:
    def told() -> str:
        (found,) = world.handlers.explain_run("default", "proc-1")
        return found.waits_for

    world.slow_hosts = {HOST}
    world.launch("proc-1", [task("first")])
    (order,) = world.orders()
    # The present one of the host would be another lane, but that is where the dispatch is.
    world.slow_hosts = set()
    assert "an executor to begin attempt 1, dispatched on the slow lane; it stays on the bus" in told()
    world.say(order, **TRANSIENT)
    world.settle()
    world.forward(61)
    world.handlers.open_due_attempts()
    assert "an executor to begin attempt 2, dispatched on the fast lane; it stays on the bus" in told()
    world.forward(61)
    world.handlers.send_unanswered_again()
    assert "attempt 2, dispatched on the fast lane and sent again once since" in told()


def test_the_next_attempt_has_a_lane_of_its_own_and_one_sent_again_keeps_its(world: Any, task: Any) -> None:
    world.launch("proc-1", [task("first")])
    (order,) = world.orders()
    world.slow_hosts = {HOST}
    world.forward(61)
    world.handlers.send_unanswered_again()
    assert lanes(world) == {("first", 1): [Lane.FAST, Lane.FAST]}
    world.say(order, **TRANSIENT)
    world.settle()
    world.forward(61)
    world.handlers.open_due_attempts()
    assert lanes(world)["first", 2] == [Lane.SLOW]


def test_what_is_not_kept_any_more_is_sent_again_in_the_lane_it_has_now(world: Any, task: Any) -> None:
    world.launch("proc-1", [task("first")])
    world.orders()
    with world.db.write() as tx:
        assert world.outbox.forget(tx, ["proc-1"])
    world.slow_hosts = {HOST}
    world.forward(61)
    world.handlers.send_unanswered_again()
    assert lanes(world) == {("first", 1): [Lane.FAST, Lane.SLOW]}
    assert [each.lane for each in world.orders()] == [task_pb2.LANE_SLOW]
