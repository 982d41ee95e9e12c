"""The flow alone: `python -m bench.flow`. Prints the figures and keeps them as `python -m bench` does."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.flow.compared import steps
from services.chassis import log


def main() -> int:
    """Measure; 1 where a goal is missed."""
    log.configure("bench", "warning")
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="vahana-flow-") as name:
        figures = list(steps(Path(name)))
    report.table(figures)
    report.append(figures, seed=0, started_at=started_at)
    return int(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
