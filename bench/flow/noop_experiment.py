"""The experiment service, with plans of tasks one after the other: `python -m bench.flow.noop_experiment`."""

from __future__ import annotations

import sys
from typing import Any

from bench.flow.waves import STEPS
from services.chassis.run import Chassis, main
from services.experiment import __main__ as experiment
from services.experiment.domain.plan import EnvSetup, PlannedTask, TaskType
from services.experiment.handlers import checking


def chain(*_asked: Any) -> tuple[PlannedTask, ...]:
    """STEPS tasks, each of which waits for the one before."""
    names = [f"step-{number}" for number in range(1, STEPS + 1)]
    before = [(), *((name,) for name in names)]
    return tuple(
        PlannedTask(name, TaskType.ENV_SETUP, EnvSetup(), waits_for)
        for name, waits_for in zip(names, before, strict=False)
    )


def wire() -> Chassis:
    """The service, but for what it plans."""
    vars(checking)["plan"] = chain
    return experiment.wire()


if __name__ == "__main__":
    sys.exit(main(wire))
