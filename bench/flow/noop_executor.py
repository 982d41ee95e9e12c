"""The executor with tasks that do nothing: `python -m bench.flow.noop_executor`. No host is contacted."""

from __future__ import annotations

import sys

from services.chassis.run import Chassis, main
from services.executor import __main__ as executor
from services.executor import runner, tasks
from services.executor.domain.outcomes import Done
from services.executor.tasks.context import TaskContext


def noop(_context: TaskContext) -> Done:
    """Be done."""
    return Done()


def wire() -> Chassis:
    """The executor, but for what its tasks do."""
    idle = dict.fromkeys(tasks.TASKS, noop)
    runner.Runner.__init__.__kwdefaults__["tasks"] = idle  # type: ignore[index]
    return executor.wire()


if __name__ == "__main__":
    sys.exit(main(wire))
