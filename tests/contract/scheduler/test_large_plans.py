"""A process of ten thousand tasks side by side: every one runs once, and the one that waits for all runs last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from vahana.event.v1 import state_pb2, task_pb2

SIDE_BY_SIDE = 10_000


def test_ten_thousand_tasks_side_by_side_run_once_each(world: Any, task: Callable[..., task_pb2.PlannedTask]) -> None:
    middle = [f"task-{number}" for number in range(SIDE_BY_SIDE)]
    world.launch(
        "proc-1",
        [task("first"), *(task(name, depends_on=["first"]) for name in middle), task("last", depends_on=middle)],
    )
    done = [order.task_id for order in world.work()]
    assert (done[0], done[-1]) == ("first", "last")
    assert Counter(done[1:-1]) == Counter(middle)
    assert world.last().process_state == state_pb2.PROCESS_STATE_COMPLETED
