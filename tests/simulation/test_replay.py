"""One seed is one history, in whatever process it is lived through."""

import os
import subprocess
import sys

from tests.simulation.world import World


def told_elsewhere(seed: int, hashing: str) -> list[str]:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hashing}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_seed_is_the_same_history_in_every_process() -> None:
    first, second = told_elsewhere(7, "1"), told_elsewhere(7, "2")
    assert len(first) > 500
    assert first == second


def test_a_seed_is_the_same_history_whatever_was_lived_through_before() -> None:
    histories = []
    for seed in (7, 8, 7):
        world = World(seed)
        world.run()
        histories.append(world.kernel.told())
    assert histories[0] == histories[2]
    assert histories[0] != histories[1]
