"""Whatever goes wrong, everything ends right: many seeds of the simulated mesh."""

import os

import pytest

from tests.simulation.world import LEAST_FAULTS, PROCESSES, World

SEEDS = int(os.environ.get("VAHANA_SEEDS", "1000"))
_AT_ONCE = 50


@pytest.mark.parametrize("first", range(0, SEEDS, _AT_ONCE))
def test_everything_ends_right(first: int) -> None:
    for seed in range(first, min(first + _AT_ONCE, SEEDS)):
        world = World(seed)
        found = world.run()
        assert found == [], f"replay it with: python -m tests.simulation --seed {seed}"
        assert world.kernel.faults.total() >= LEAST_FAULTS
        assert len(world.plans.stored) >= PROCESSES
        assert all(len(plan.tasks) >= 5 for plan in world.plans.stored.values())
