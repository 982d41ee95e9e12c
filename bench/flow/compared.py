"""The figures: the mesh on SQLite and on PostgreSQL, beside the bare flow and DBOS, on one broker and in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from bench import report
from bench.figures import Figure, Goal, Peer
from bench.flow import dbos, waves
from bench.flow.bare import bare_flow
from bench.flow.waves import IDLE, WAVES, Idle, Wave
from bench.flow.whole import Place, whole_flow
from vahana_client.mesh.kafka import LocalKafka
from vahana_client.mesh.ports import SERVICES, choose_ports
from vahana_client.mesh.postgres import LocalPostgres

SKETCH_PART = 0.7
"""Part of the bare flow's steps a second that the mesh is to reach."""
CPU_MS = 2.5
TIMES_DBOS = 2.0
_UNITS = {"idle": "ms", "steps": "1/s", "cpu": "ms"}

_Measured = tuple[Idle, list[Wave]]


def steps(directory: Path) -> Iterator[Figure]:
    """Measure all of them."""
    with broker(directory) as (kafka, pid):
        report.progress("the bare flow")
        with bare_flow(kafka, pid, directory / "sketch") as bare:
            names = [f"p{number}" for number in range(_NEEDED)]
            sketch = _measured(bare, names)
        yield Figure("sketch_idle_p50_ms", sketch[0].p50_ms, "ms")
        report.progress("DBOS")
        theirs = dbos.measure(f"sqlite:///{directory / 'dbos.db'}")
        yield from (
            Figure(f"dbos_sqlite_{name}", value, _UNITS[name.partition("_")[0]]) for name, value in theirs.items()
        )
        for store, databases in _STORES.items():
            report.progress(f"processes of tasks that do nothing, on {store}")
            with databases() as urls:
                place = Place(directory / store, kafka, pid, f"{store}.", urls)
                with whole_flow(place) as flow:
                    measured = _measured(flow, flow.create(_NEEDED))
            yield from _figures(store, measured, sketch)
            yield from _beside_dbos(store, measured, theirs)


_WARM_UP = 10
_NEEDED = _WARM_UP + IDLE + sum(count for count, _ in WAVES)


def _measured(flow: waves.Flow, names: list[str]) -> _Measured:
    rest = iter(names)
    waves.idle(flow, [next(rest) for _ in range(_WARM_UP)])
    alone = waves.idle(flow, [next(rest) for _ in range(IDLE)])
    return alone, [waves.wave(flow, [next(rest) for _ in range(count)], at_once) for count, at_once in WAVES]


def _figures(store: str, measured: _Measured, sketch: _Measured) -> Iterator[Figure]:
    idle, beside = measured[0], sketch[0]
    peer = Peer("bare flow", beside.p50_ms)
    yield Figure(f"flow_{store}_idle_p50_ms", idle.p50_ms, "ms", Goal(beside.p50_ms), peer)
    for (_, at_once), wave, bare in zip(WAVES, measured[1], sketch[1], strict=True):
        peer = Peer("bare flow", bare.steps_per_second)
        goal = Goal(SKETCH_PART * bare.steps_per_second, at_least=True)
        yield Figure(f"flow_{store}_steps_per_second_at_{at_once}", wave.steps_per_second, "1/s", goal, peer)
        peer = Peer("bare flow", bare.cpu_ms_a_step)
        yield Figure(f"flow_{store}_cpu_ms_a_step_at_{at_once}", wave.cpu_ms_a_step, "ms", Goal(CPU_MS), peer)


def _of_dbos(theirs: Mapping[str, float]) -> Iterator[Figure]:
    for name, value in theirs.items():
        yield Figure(f"dbos_sqlite_{name}", value, _UNITS[name.partition("_")[0]])


def _beside_dbos(store: str, measured: _Measured, theirs: Mapping[str, float]) -> Iterator[Figure]:
    for (_, at_once), wave in zip(WAVES, measured[1], strict=True):
        peer = Peer("DBOS on SQLite", theirs[f"steps_per_second_at_{at_once}"])
        goal = Goal(TIMES_DBOS * peer.value, at_least=True)
        yield Figure(f"flow_{store}_beside_dbos_at_{at_once}", wave.steps_per_second, "1/s", goal, peer)


@contextmanager
def broker(directory: Path) -> Iterator[tuple[LocalKafka, int]]:
    ports = choose_ports({}, {}, free=True)
    kafka = LocalKafka(directory, ports["kafka"], ports["kafka-controller"])
    kafka.prepare()
    kafka.start()
    try:
        yield kafka, kafka.pid
    finally:
        kafka.stop()


@contextmanager
def postgres() -> Iterator[Mapping[str, str]]:
    """A database for each service that has one."""
    # The account PostgreSQL runs as must be able to enter the directory.
    directory = Path(tempfile.mkdtemp(prefix="vahana-postgres-"))
    server = LocalPostgres(directory, choose_ports({}, {}, free=True)["sshd"])
    server.prepare()
    server.start()
    try:
        yield {name: server.create(name) for name in SERVICES if name != "gateway"}
    finally:
        server.remove()


_STORES: dict[str, Callable[[], AbstractContextManager[Mapping[str, str]]]] = {
    "sqlite": lambda: nullcontext({}),
    "postgresql": postgres,
}
