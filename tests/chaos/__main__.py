"""The long storm: `python -m tests.chaos [--seed N]`, on PostgreSQL. Prints a report; ends with 1 at any fault.

Three hundred experiments, five hundred services killed or stopped, the broker wiped three times, PostgreSQL killed five
times. The same seed makes the same faults; what they meet is up to the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.figures import Figure, Goal
from tests.chaos.faults import Budget
from tests.chaos.storm import Storm, storm
from tests.conftest import free_ports
from vahana_client.mesh.postgres import LocalPostgres

EXPERIMENTS = 300
BUDGET = Budget(faults=500, wipes=3, pause=0.8, postgres=5)


def main() -> int:
    """Run it once."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill everything, and lose nothing.")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (default 1)")
    seed: int = parser.parse_args().seed
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    server = LocalPostgres(Path(tempfile.mkdtemp(prefix="vahana-postgres-")), *free_ports(1))
    try:
        server.prepare()
        server.start()
        with tempfile.TemporaryDirectory(prefix="vahana-chaos-") as name:
            found = storm(Path(name), experiments=EXPERIMENTS, budget=BUDGET, seed=seed, postgres=server)
    finally:
        server.remove()
    figures = list(_figures(found))
    report.table(figures)
    report.append(figures, seed=seed, started_at=started_at)
    sys.stdout.write("".join(f"{fault}\n" for fault in (*found.stuck, *found.violations)))
    return int(any(figure.holds is False for figure in figures))


def _figures(found: Storm) -> list[Figure]:
    return [
        Figure("chaos_faults", sum(found.made.values()), ""),
        Figure("chaos_completed", found.completed, "", Goal(EXPERIMENTS, at_least=True)),
        Figure("chaos_lost_or_stuck", len(found.stuck), "", Goal(0)),
        Figure("chaos_violations", len(found.violations), "", Goal(0)),
        Figure("chaos_seconds", found.seconds, "s"),
    ]


if __name__ == "__main__":
    sys.exit(main())
