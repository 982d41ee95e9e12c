"""Two meshes on one machine, side by side: each does its own work and knows nothing of the other's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Store
from tests.e2e.conftest import RunningMesh
from tests.e2e.history import check_complete
from tests.e2e.probe import Probe, prepare
from vahana.event.v1 import state_pb2
from vahana_client.mesh.health import serving


@pytest.fixture
def other(tmp_path: Path, store: Store | None) -> Iterator[RunningMesh]:
    running = RunningMesh(tmp_path / "other")
    if store is not None:
        running.keep_in(store)
    try:
        running.ok("up", "--detach", "--free-ports", seconds=180)
        yield running
    finally:
        running.vahana("down")


def test_two_meshes_run_side_by_side(mesh: RunningMesh, other: RunningMesh, tmp_path: Path) -> None:
    for each in (mesh, other):
        prepare(each, tmp_path)
    with mesh.connect() as here, other.connect() as there:
        probes = [Probe(connection, tmp_path).create(seconds=1.0).launch() for connection in (here, there)]
        for probe in probes:
            ended = probe.wait_end()
            assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
            assert probe.runs() == 1
            check_complete(ended, probe.history())
    names = [{each["experiment_id"] for each in running.data("experiment", "list")} for running in (mesh, other)]
    assert len(names[1]) == 1
    assert not names[0] & names[1]
    other.ok("down")
    assert serving(mesh.address("gateway"))
