"""A mesh of its own, experiments launched all the while, and faults: until they are spent and everything has ended."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.faults import Budget, Faults
from tests.chaos.records import Plans, record
from tests.chaos.users import Scientist, wait_for_all
from tests.checker.check import violations
from tests.e2e.conftest import RunningMesh
from tests.e2e.probe import prepare
from vahana.event.v1 import state_pb2
from vahana_client.mesh.ports import SERVICES
from vahana_client.mesh.postgres import LocalPostgres

_LAUNCHERS = 4
_STILL_SECONDS = 120.0
"""So long after the last fault nothing has moved: it never will."""


@dataclass
class Storm:
    """What became of it. `stuck` and `violations` are sentences."""

    completed: int = 0
    stuck: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def storm(
    directory: Path, *, experiments: int, budget: Budget, seed: int, postgres: LocalPostgres | None = None
) -> Storm:
    """Run it, on SQLite or on a PostgreSQL that may be killed too. The seed decides the faults; what they meet is up
    to the machine.
    """
    mesh = RunningMesh(directory / "home")
    mesh.environment["VAHANA_BLOCKED_BUDGET_SECONDS"] = "900"
    if postgres is not None:
        mesh.keep_in(postgres.create)
    try:
        mesh.ok("up", "--detach", "--free-ports", seconds=180)
        prepare(mesh, directory)
        return _run(mesh, directory, experiments, Faults(mesh, seed, budget, postgres), Random(seed))
    finally:
        mesh.vahana("down")


def _run(mesh: RunningMesh, directory: Path, experiments: int, faults: Faults, dice: Random) -> Storm:
    began = time.monotonic()
    with mesh.connect() as connection:
        scientists = [Scientist(connection, directory) for _ in range(experiments)]
        faults.start()
        with ThreadPoolExecutor(_LAUNCHERS) as pool:
            list(pool.map(lambda one: one.launch(dice.choice((0.0, 0.2, 1.0))), scientists))
        faults.join()
        for name in SERVICES:
            mesh.wait_serving(name)
        stuck = wait_for_all(scientists, _STILL_SECONDS)
        plans = Plans(mesh)
        records = [record(each, plans) for each in scientists if each not in stuck]
        ended = [each.standing() for each in scientists]
    done = [each for each in ended if each.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED]
    others = [f"{each.experiment.experiment_id}: {each.experiment.reason}" for each in ended if each not in done]
    return Storm(len(done), others, violations(records), faults.made, time.monotonic() - began)
