"""A person cancels, pauses, resumes and relaunches what runs on the mesh."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import RunningMesh, wait_until
from tests.e2e.history import check_complete
from tests.e2e.probe import Probe, prepare
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection

EXECUTING = state_pb2.TASK_STATE_EXECUTING
CANCELED = state_pb2.EXPERIMENT_STATE_CANCELED


@pytest.fixture(scope="module")
def connection(mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    prepare(mesh, tmp_path_factory.mktemp("application"))
    with mesh.connect() as connected:
        yield connected


def payload_lives(probe: Probe) -> bool:
    """Whether any process of the payload is on the host."""
    return any(
        str(probe.marker) in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    )


def test_a_cancel_ends_the_job_on_the_host(mesh: RunningMesh, connection: Connection, tmp_path: Path) -> None:
    probe = Probe(connection, tmp_path).create(seconds=600).launch()
    probe.wait_task("monitor", EXECUTING)
    wait_until(lambda: probe.runs() == 1, 30, "the payload to begin")
    told = mesh.data("experiment", "cancel", probe.id, "-m", "no longer needed")
    assert told["state"] == "EXPERIMENT_STATE_CANCELING"
    ended = probe.wait_end()
    assert ended.experiment.state == CANCELED, ended.experiment.reason
    assert "no longer needed" in ended.experiment.reason
    assert not payload_lives(probe)
    assert {task.state for task in ended.tasks} <= {
        state_pb2.TASK_STATE_COMPLETED,
        state_pb2.TASK_STATE_CANCELED,
        state_pb2.TASK_STATE_SKIPPED,
    }
    # Asking again is refused in plain words, and changes nothing.
    refused = mesh.vahana("experiment", "cancel", probe.id)
    assert refused.returncode == 2
    assert "error:" in refused.stderr


def test_a_cancel_outlives_the_executor_and_the_scheduler(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    probe = Probe(connection, tmp_path).create(seconds=600).launch()
    probe.wait_task("monitor", EXECUTING)
    for service in ("executor", "scheduler"):
        os.kill(mesh.pid(service), signal.SIGKILL)
    mesh.ok("experiment", "cancel", probe.id)
    assert probe.wait_end().experiment.state == CANCELED
    assert not payload_lives(probe)


def test_a_cancel_right_after_the_launch_ends_it(connection: Connection, tmp_path: Path) -> None:
    probe = Probe(connection, tmp_path).create(seconds=600).launch()
    connection.experiments.CancelExperiment(experiment_pb2.CancelExperimentRequest(experiment_id=probe.id))
    assert probe.wait_end().experiment.state == CANCELED
    assert probe.runs() <= 1
    assert not payload_lives(probe)


def test_a_paused_experiment_begins_nothing_until_it_is_resumed(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    probe = Probe(connection, tmp_path).create(seconds=3).launch()
    probe.wait_task("monitor", EXECUTING)
    request = experiment_pb2.PauseExperimentRequest(experiment_id=probe.id, comment="maintenance at noon")
    connection.experiments.PauseExperiment(request)
    paused = probe.wait(lambda answer: answer.process.state == state_pb2.PROCESS_STATE_PAUSED)
    assert "maintenance at noon" in paused.process.reason
    assert "maintenance at noon" in mesh.ok("experiment", "show", probe.id)
    # The job under way ends; what comes after it does not begin.
    probe.wait_task("monitor", state_pb2.TASK_STATE_COMPLETED)
    states = {task.task_id: task.state for task in probe.get().tasks}
    assert states["post-job"] == state_pb2.TASK_STATE_CREATED
    mesh.ok("experiment", "resume", probe.id)
    ended = probe.wait_end()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
    assert probe.runs() == 1
    check_complete(ended, probe.history())


def test_what_is_launched_during_a_hold_waits_until_it_is_lifted(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    placed = mesh.data("hold", "place", "--compute", "local", "-m", "maintenance until noon")
    try:
        assert placed["process_count"] == 0
        assert "none under way on compute resource 'local'" in placed["effect"]
        probe = Probe(connection, tmp_path).create().launch()
        probe.wait(lambda answer: answer.process.state == state_pb2.PROCESS_STATE_PAUSED)
        told = mesh.data("experiment", "explain", probe.id)["explanations"]
        (hold,) = (each for each in told if each["condition_code"] == "CONDITION_CODE_ON_HOLD")
        assert hold["waits_for"].startswith("compute resource local is on hold since ")
        assert hold["waits_for"].endswith(" by admin: maintenance until noon")
        assert hold["next"] == "it goes on when the hold is lifted"
        assert probe.runs() == 0
    finally:
        mesh.ok("hold", "lift", placed["hold"]["hold_id"])
    ended = probe.wait_end()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
    assert probe.runs() == 1
    check_complete(ended, probe.history())


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--compute", "loca"], "there is no compute resource 'loca'"),
        (["--host", "nowhere.example.org"], "no compute resource is at 'nowhere.example.org'"),
        (["--everything", "--tenant", "defualt"], "no tenant 'defualt'"),
    ],
)
def test_nothing_is_put_on_hold_by_a_misspelt_name(
    mesh: RunningMesh, connection: Connection, options: list[str], fault: str
) -> None:
    refused = mesh.vahana("hold", "place", *options)
    assert refused.returncode == 2
    assert fault in refused.stderr
    assert mesh.data("hold", "list") == []


def test_a_relaunch_is_a_process_of_its_own(mesh: RunningMesh, connection: Connection, tmp_path: Path) -> None:
    probe = Probe(connection, tmp_path).create(code=3).launch()
    first = probe.wait_end()
    assert first.experiment.state == state_pb2.EXPERIMENT_STATE_FAILED
    mesh.ok("experiment", "relaunch", probe.id)
    second = probe.wait(
        lambda answer: (
            answer.process.process_id != first.process.process_id
            and answer.experiment.state == state_pb2.EXPERIMENT_STATE_FAILED
        )
    )
    assert second.process.directory != first.process.directory
    assert probe.runs() == 2
    assert second.process.application.application_version == "1"


def test_a_dry_run_shows_the_script_and_contacts_nobody_unless_asked(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    probe = Probe(connection, tmp_path).create()
    shown = mesh.ok("experiment", "validate", probe.id)
    assert str(probe.marker) in shown
    assert "{process}" in shown
    assert probe.runs() == 0
    asked = mesh.data("experiment", "validate", probe.id, "--check-host")
    assert asked["compute_resource_report"]["passed"] is True
    assert asked["compute_resource_report"]["host_key_fingerprint"].startswith("SHA256:")
    assert "yes" in mesh.ok("compute", "check", "local")


def test_an_experiment_under_way_says_what_it_waits_for(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    probe = Probe(connection, tmp_path).create(seconds=30).launch()
    probe.wait_task("monitor", state_pb2.TASK_STATE_EXECUTING)
    told = mesh.ok("experiment", "explain", probe.id)
    assert "its job" in told
    found = mesh.data("experiment", "explain", probe.id)
    assert {each.get("task_id", "") for each in found["explanations"]} >= {"monitor", ""}
    mesh.ok("experiment", "cancel", probe.id)
    probe.wait_end()
    assert "waits for nothing" in mesh.ok("experiment", "explain", probe.id)
