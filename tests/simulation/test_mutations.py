"""With any of the mechanisms switched off that keep everything right, the simulation finds what is wrong."""

import pytest

from tests.simulation import mutations
from tests.simulation.mutations import Mutation
from tests.simulation.world import World

_SEEDS = 200
"""More than the rarest faults need: most mutations show within the first few."""

FOUND: dict[Mutation, str] = {
    mutations.no_fence: "ran its payload",
    mutations.no_fence_of_rows: "more than once",
    mutations.no_known_claims: "began and ended 2 times",
    mutations.no_known_events: "UNIQUE constraint failed: event.key",
    mutations.marked_before_sent: "is stuck",
    mutations.never_marked: "it never comes to rest",
    mutations.no_resends: "is stuck",
    mutations.readers_go_on: "is stuck",
    mutations.nobody_follows_holds: "is stuck",
    mutations.nobody_is_kept_away: "known not to answer",
    mutations.nobody_is_told_of_hosts: "is stuck",
    mutations.probes_close_nothing: "is left barred",
    mutations.nobody_is_let_go_on: "s to settle",
    mutations.health_is_kept_to_oneself: "of the health of hosts",
}


@pytest.mark.parametrize(("mutation", "fault"), FOUND.items(), ids=[each.__name__ for each in FOUND])
def test_the_simulation_misses(mutation: Mutation, fault: str) -> None:
    for seed in range(_SEEDS):
        with mutation():
            found = World(seed).run()
        if any(fault in each for each in found):
            return
    pytest.fail(f"nothing was wrong in {_SEEDS} seeds")
