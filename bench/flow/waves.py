"""The shape of the load, and what is measured of it: the same for all that is compared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from bench.figures import median, percentile

STEPS = 7
IDLE = 60
WAVES = ((200, 50), (1000, 200))
"""How many processes, and how many of them at a time."""
_PATIENCE_SECONDS = 120.0


class Flow(Protocol):
    """Something that carries processes of STEPS steps out."""

    def launch(self, process: str) -> None:
        """Begin a process; need not wait for anything."""

    def ended(self) -> Sequence[str]:
        """Wait a short while; return the processes that have ended since the last call."""

    def pids(self) -> Iterable[int]:
        """The processes of the machine that take part, the caller's included."""


@dataclass(frozen=True, slots=True)
class Idle:
    """One process at a time, in milliseconds from launch to end."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Wave:
    """Many at a time."""

    steps_per_second: float
    cpu_ms_a_step: float
    p50_ms: float


def idle(flow: Flow, names: Iterable[str]) -> Idle:
    """Run one process after the other."""
    taken = [_run(flow, [name], 1)[0] * 1000 for name in names]
    return Idle(median(taken), percentile(taken, 99))


def wave(flow: Flow, names: Sequence[str], at_once: int) -> Wave:
    """Run processes, always so many at a time."""
    before, began = _cpu_seconds(flow.pids()), time.perf_counter()
    taken = _run(flow, names, at_once)
    seconds, steps = time.perf_counter() - began, len(names) * STEPS
    cpu = _cpu_seconds(flow.pids()) - before
    return Wave(steps / seconds, cpu * 1000 / steps, median(taken) * 1000)


def _run(flow: Flow, names: Sequence[str], at_once: int) -> list[float]:
    """Seconds from launch to end of each."""
    begun: dict[str, float] = {}
    taken: list[float] = []
    waiting = list(reversed(names))

    def launch_next() -> None:
        name = waiting.pop()
        begun[name] = time.perf_counter()
        flow.launch(name)

    for _ in range(min(at_once, len(waiting))):
        launch_next()
    until = time.monotonic() + _PATIENCE_SECONDS
    while begun:
        for name in flow.ended():
            if name in begun:
                taken.append(time.perf_counter() - begun.pop(name))
                if waiting:
                    launch_next()
        if time.monotonic() > until:
            raise RuntimeError(f"{len(begun)} of {len(names)} processes did not end, among them {min(begun)}")
    return taken


def _cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time taken so far."""
    times = (psutil.Process(pid).cpu_times() for pid in pids)
    return sum(each.user + each.system for each in times)
