"""Any one process is killed in mid-experiment: it comes back, the experiment completes, its job has run once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import RunningMesh, wait_until
from tests.e2e.history import check_complete
from tests.e2e.probe import Probe, prepare
from vahana.event.v1 import state_pb2
from vahana_client.connection import Connection
from vahana_client.mesh.ports import answers

UNDER_WAY = (state_pb2.TASK_STATE_SCHEDULED, state_pb2.TASK_STATE_EXECUTING, state_pb2.TASK_STATE_COMPLETED)
EXECUTING = (state_pb2.TASK_STATE_EXECUTING,)


@pytest.fixture(scope="module")
def connection(mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    prepare(mesh, tmp_path_factory.mktemp("application"))
    with mesh.connect() as connected:
        yield connected


def check_completed_once(probe: Probe) -> None:
    ended = probe.wait_end()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
    assert probe.runs() == 1
    check_complete(ended, probe.history())


@pytest.mark.parametrize(
    ("service", "task_id", "states"),
    [
        *(
            pytest.param(service, "monitor", EXECUTING, id=f"{service}-while-the-job-runs")
            for service in ("profile", "registry", "experiment", "scheduler", "executor", "eventsink", "gateway")
        ),
        pytest.param("executor", "submit", UNDER_WAY, id="executor-at-submission"),
        pytest.param("executor", "stage-in-file", UNDER_WAY, id="executor-while-staging-in"),
        pytest.param("scheduler", "env-setup", UNDER_WAY, id="scheduler-at-the-start"),
        pytest.param("experiment", "submit", UNDER_WAY, id="experiment-at-submission"),
        pytest.param("kafka", "monitor", EXECUTING, id="kafka-while-the-job-runs"),
        pytest.param("sshd", "monitor", EXECUTING, id="sshd-while-the-job-runs"),
    ],
)
def test_a_killed_process_costs_nothing(
    mesh: RunningMesh, connection: Connection, tmp_path: Path, service: str, task_id: str, states: tuple[int, ...]
) -> None:
    probe = Probe(connection, tmp_path).create(seconds=1.5).launch()
    probe.wait_task(task_id, *states)
    killed = mesh.pid(service)
    os.kill(killed, signal.SIGKILL)
    check_completed_once(probe)
    if service in ("kafka", "sshd"):
        assert mesh.pid(service) != killed
    else:
        mesh.wait_serving(service, other_than=killed)


def test_ten_experiments_at_once_complete_with_whole_histories(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    probes = [Probe(connection, tmp_path).create() for _ in range(10)]
    for probe in probes:
        probe.launch()
    for probe in probes:
        check_completed_once(probe)


def test_a_launch_is_accepted_while_kafka_is_down_and_goes_on_when_it_is_back(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    probe = Probe(connection, tmp_path).create()
    address = mesh.address("kafka")
    os.kill(mesh.pid("kafka"), signal.SIGKILL)
    wait_until(lambda: not answers(address), 10, "Kafka to be gone")
    probe.launch()
    assert not answers(address), "Kafka was back before the launch was accepted: nothing was shown"
    check_completed_once(probe)
