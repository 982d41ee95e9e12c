"""Live through a seed again, and tell of it: `python -m tests.simulation --seed 7`, or `--seeds 0:1000` for many."""

import argparse
import sys
import time

from tests.simulation.world import World


def main() -> int:
    """Return the exit code: whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell of this seed, step by step")
    parser.add_argument("--seeds", default="0:1000", help="FIRST:END of many seeds to live through")
    given = parser.parse_args()
    return _tell(given.seed) if given.seed is not None else _many(*map(int, given.seeds.split(":")))


def _tell(seed: int) -> int:
    world = World(seed)
    found = world.run()
    print("\n".join([*world.kernel.told(), "", *found]))
    return bool(found)


def _many(first: int, end: int) -> int:
    begun, bad = time.process_time(), 0
    for seed in range(first, end):
        world = World(seed)
        if found := world.run():
            bad += 1
            print(f"seed {seed}:", *found, sep="\n  ", flush=True)
    seconds = time.process_time() - begun
    print(f"{end - first} seeds, {bad} bad, {seconds:.1f} s of CPU, {seconds / (end - first) * 1000:.0f} ms a seed")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
