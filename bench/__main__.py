"""Brings a mesh up, measures it, takes it down: `python -m bench [--seed N]`. Ends with 1 where a goal is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from bench import authentication, calls, claims, experiments, files, history, lanes, report, rest, scheduling, ssh
from bench.figures import Figure, Goal
from bench.flow import compared, takeover
from bench.mesh import fresh_mesh
from bench.probe import Probe, prepare
from services.chassis import log


def main() -> int:
    """Measure everything, once."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what Vahana promises.")
    parser.add_argument("--seed", type=int, default=1, help="of the bytes that are sent (default 1)")
    seed: int = parser.parse_args().seed
    log.configure("bench", "warning")
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="vahana-bench-") as name:
        figures = list(measure(Path(name), seed))
    report.table(figures)
    report.append(figures, seed=seed, started_at=started_at)
    return int(any(figure.holds is False for figure in figures))


def measure(directory: Path, seed: int) -> Iterator[Figure]:
    """Yield all figures, one mesh for most of them."""
    small = directory / "small.txt"
    small.write_text(f"input of the bench, seed {seed}\n")
    with ExitStack() as stack:
        report.progress("bringing a mesh up")
        mesh = stack.enter_context(fresh_mesh(directory / "home"))
        yield Figure("mesh_up_seconds", mesh.up_seconds, "s", Goal(15))
        prepare(mesh, directory)
        connection = stack.enter_context(mesh.connect())
        report.progress("at rest")
        yield from rest.at_rest(mesh.home)
        report.progress("experiments, one at a time")
        yield from experiments.one_at_a_time(connection, small)
        report.progress("experiments, ten at once")
        yield from experiments.at_once(connection, small)
        report.progress("experiments, ten at a time")
        yield from experiments.stream(connection, small)
        report.progress("calls through the gateway")
        direct = stack.enter_context(mesh.connect_directly("experiment"))
        yield from calls.gateway(connection, direct, Probe(connection, small).id)
        report.progress("files")
        yield from files.both_ways(connection, directory, seed)
    yield from compared.steps(directory)
    report.progress("a scheduler's processes taken over")
    yield from takeover.taken_over(directory / "takeover")
    report.progress("the executor alone")
    yield from claims.measured(directory)
    report.progress("a host that hangs")
    yield from lanes.measured(directory)
    report.progress("the scheduler alone")
    yield from scheduling.measured(directory)
    report.progress("histories")
    yield from history.measured(directory)
    report.progress("authentication")
    yield from authentication.added(directory)
    report.progress("commands over SSH")
    yield from ssh.commands(directory)


if __name__ == "__main__":
    sys.exit(main())
