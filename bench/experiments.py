"""How long experiments take, how many tasks a second go through, and how soon a watcher sees what happened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.figures import Figure, Goal, median, percentile
from bench.probe import Probe
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection

IDLE = 15
WARM_UP = 3
AT_ONCE = 10
STREAM = 30

_Stage = tuple[int, int]
"""(attempt, rank of the state): only ever grows."""
_RANKS = {
    state_pb2.TASK_STATE_SCHEDULED: 1,
    state_pb2.TASK_STATE_EXECUTING: 2,
    state_pb2.TASK_STATE_COMPLETED: 3,
    state_pb2.TASK_STATE_FAILED: 3,
    state_pb2.TASK_STATE_SKIPPED: 3,
}


def one_at_a_time(connection: Connection, file: Path) -> Iterator[Figure]:
    """Experiments on an idle mesh, one after another, the first few not counted; a watcher follows each."""
    for _ in range(WARM_UP):
        probe = Probe(connection, file)
        probe.launch()
        probe.wait()
    durations: list[float] = []
    delays: list[float] = []
    for _ in range(IDLE):
        probe = Probe(connection, file)
        began = probe.launch()
        seen = _watched(probe)
        durations.append((time.monotonic() - began) * 1000)
        delays += _delays(probe, seen)
    yield Figure("experiment_idle_p50_ms", median(durations), "ms", Goal(2000))
    yield Figure("experiment_idle_p99_ms", percentile(durations, 99), "ms")
    yield Figure("event_delay_p95_ms", percentile(delays, 95), "ms")


def at_once(connection: Connection, file: Path) -> Iterator[Figure]:
    """Experiments created before, then launched together: from the first launch to the last end."""
    probes = [Probe(connection, file) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        began = time.monotonic()
        list(pool.map(lambda probe: (probe.launch(), probe.wait()), probes))
        seconds = time.monotonic() - began
    yield Figure("experiments_ten_at_once_seconds", seconds, "s", Goal(10))


def stream(connection: Connection, file: Path) -> Iterator[Figure]:
    """Experiments created, launched and watched, so many at a time."""

    def one(_: int) -> Probe:
        probe = Probe(connection, file)
        probe.launch()
        probe.wait()
        return probe

    with ThreadPoolExecutor(AT_ONCE) as pool:
        began = time.monotonic()
        probes = list(pool.map(one, range(STREAM)))
        seconds = time.monotonic() - began
    yield Figure("tasks_per_second", sum(probe.tasks() for probe in probes) / seconds, "1/s")


def _watched(probe: Probe) -> list[tuple[float, experiment_pb2.WatchExperimentResponse]]:
    """What a watcher saw, and when by the clock that events are stamped with too."""
    return [(time.time(), response) for response in probe.watch()]


def _delays(probe: Probe, seen: list[tuple[float, experiment_pb2.WatchExperimentResponse]]) -> Iterator[float]:
    """Milliseconds from each task's event, by its source's clock, to the first sight of it or of a later one."""
    sights: dict[str, list[tuple[float, _Stage]]] = {}
    for at, response in seen:
        for task in response.tasks:
            sights.setdefault(task.task_id, []).append((at, (task.attempt, _RANKS.get(task.state, 0))))
    for change in (event.change for event in probe.history()):
        if change.task_id:
            stage = (change.attempt, _RANKS.get(change.task_state, 0))
            first = next(at for at, reached in sights[change.task_id] if reached >= stage)
            yield (first - change.time.ToNanoseconds() / 1e9) * 1000
