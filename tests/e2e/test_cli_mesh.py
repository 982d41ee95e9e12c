"""vahana up, status and down, on a mesh of their own."""

import os
import signal

import psutil
import pytest


@pytest.fixture
def own(mesh, tmp_path):
    """A mesh that a test may treat badly."""
    running = type(mesh)(tmp_path / "home")
    running.ok("up", "--detach", "--free-ports", seconds=180)
    yield running
    running.vahana("down")


def test_status_shows_every_process(mesh):
    shown = {one["name"]: one["health"] for one in mesh.data("status")["processes"]}
    services = ("profile", "registry", "experiment", "scheduler", "executor", "eventsink", "gateway")
    assert shown == {
        "supervisor": "RUNNING",
        "kafka": "LISTENING",
        "sshd": "LISTENING",
        **dict.fromkeys(services, "SERVING"),
    }
    assert mesh.data("compute", "show", "local")["job_manager"] == "JOB_MANAGER_FORK"


def test_a_second_up_changes_nothing(mesh):
    before = mesh.record()
    assert "up already" in mesh.ok("up", "--detach", "--free-ports")
    assert mesh.record() == before
    attached = mesh.vahana("up", "--free-ports")
    assert attached.returncode == 1
    assert "already running" in attached.stderr


def test_its_life_from_kill_to_down(own):
    pids = {name: own.pid(name) for name in own.record().processes}
    os.kill(pids["registry"], signal.SIGKILL)
    own.wait_serving("registry", other_than=pids["registry"])
    restarts = {one["name"]: one["restarts"] for one in own.data("status")["processes"]}
    assert restarts["registry"] == 1
    assert sum(restarts.values()) == 1

    # Without its supervisor the mesh goes on, and can be taken down.
    os.kill(own.pid("supervisor"), signal.SIGKILL)
    assert own.ok("project", "list", "-o", "json") == "[]\n"
    assert own.vahana("status").returncode == 1
    pids = {name: own.pid(name) for name in own.record().processes}
    assert "the mesh is down" in own.ok("down")
    assert not [name for name, pid in pids.items() if psutil.pid_exists(pid)]
    assert own.vahana("status").returncode == 3
    assert own.vahana("project", "list").returncode == 3

    # What was there is there again, on the same ports.
    ports = own.record().ports
    own.ok("up", "--detach", "--free-ports", seconds=180)
    assert own.record().ports == ports
    assert [one["name"] for one in own.data("compute", "list")] == ["local"]


def test_up_names_a_port_in_use_by_another_program(mesh, tmp_path):
    other = type(mesh)(tmp_path / "home")
    port = mesh.address("gateway").rpartition(":")[2]
    done = other.vahana("up", "--detach", "--free-ports", "--gateway-port", port)
    assert done.returncode == 2
    assert f"gateway {port}" in done.stderr
