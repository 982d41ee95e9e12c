"""A service dies between any two steps that must hold together: the experiment under way completes, and ran once."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.chassis.failpoints import POINTS
from tests.chaos.understudy import Understudies, understudies
from tests.chaos.users import Scientist, wait_for_all
from tests.conftest import Store
from tests.e2e.conftest import RunningMesh
from tests.e2e.history import check_complete
from tests.e2e.probe import prepare
from vahana.event.v1 import state_pb2

MATRIX = [
    ("experiment", "launch.stored=kill"),
    ("experiment", "relay.publishing=kill"),
    ("experiment", "relay.published=kill"),
    ("experiment", "history.recording=kill@3"),
    ("experiment", "history.recorded=kill@3"),
    ("scheduler", "scheduler.applying=kill"),
    ("scheduler", "scheduler.applying=kill@3"),
    ("scheduler", "relay.publishing=kill"),
    ("scheduler", "relay.published=kill"),
    ("scheduler", "relay.marked=kill"),
    ("scheduler", "consumer.handled=kill"),
    ("scheduler", "consumer.committed=kill"),
    ("executor", "executor.accepted=kill"),
    ("executor", "executor.begun=kill"),
    ("executor", "executor.worked=kill@2"),
    ("executor", "executor.settling=kill"),
    ("executor", "job.submitting=kill"),
    ("executor", "job.submitted=kill"),
    ("executor", "job.seen=kill"),
    ("executor", "relay.published=kill@2"),
    ("executor", "consumer.handled=kill"),
    ("eventsink", "consumer.handled=kill"),
    ("eventsink", "consumer.committed=kill"),
]

_SECONDS = 60.0


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, store: Store | None) -> Iterator[RunningMesh]:
    """A mesh of its own: nobody starts its services again."""
    directory = tmp_path_factory.mktemp("failpoints")
    running = RunningMesh(directory / "home")
    if store is not None:
        running.keep_in(store)
    try:
        running.ok("up", "--detach", "--free-ports", seconds=180)
        prepare(running, directory)
        yield running
    finally:
        running.vahana("down")


@pytest.fixture(scope="module")
def players(mesh: RunningMesh) -> Iterator[Understudies]:
    with understudies(mesh) as players:
        yield players


@pytest.fixture
def scientist(mesh: RunningMesh, tmp_path: Path) -> Iterator[Scientist]:
    with mesh.connect() as connection:
        yield Scientist(connection, tmp_path)


def check_completed_once(scientist: Scientist) -> None:
    assert wait_for_all([scientist], _SECONDS) == []
    ended = scientist.standing()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
    assert scientist.probe.runs() == 1
    check_complete(ended, scientist.history())


def test_each_point_is_passed() -> None:
    assert {setting.partition("=")[0] for _, setting in MATRIX} == set(POINTS)


@pytest.mark.parametrize(("service", "setting"), MATRIX, ids=lambda word: word.replace("=kill", ""))
def test_a_service_that_dies_there_costs_nothing(
    players: Understudies, scientist: Scientist, service: str, setting: str
) -> None:
    doomed = players.play(service, setting)
    with ThreadPoolExecutor(1) as pool:
        launched = pool.submit(scientist.launch, 0.5)
        try:
            assert doomed.wait(_SECONDS) == -signal.SIGKILL
        finally:
            players.play(service)
        launched.result()
    check_completed_once(scientist)


def test_an_executor_that_stops_with_work_done_and_not_told_goes_on_when_woken(
    players: Understudies, scientist: Scientist
) -> None:
    stopping = players.play("executor", "executor.worked=stop")
    try:
        scientist.launch(0.5)
        _, status = os.waitpid(stopping.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
    finally:
        stopping.send_signal(signal.SIGCONT)
    check_completed_once(scientist)
