"""What a user gets to see when a program, a host or a file is at fault."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_ports
from tests.e2e.conftest import RunningMesh
from tests.e2e.probe import Probe, prepare
from vahana.event.v1 import state_pb2
from vahana_client.connection import Connection

# A well-formed key that no host here has.
FOREIGN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"


@pytest.fixture(scope="module")
def connection(mesh: RunningMesh) -> Iterator[Connection]:
    with mesh.connect() as connected:
        yield connected


def add_host(mesh: RunningMesh, tmp_path: Path, name: str, **changed: object) -> None:
    """Registers the local SSH server once more, with something wrong about it, and the probe on it."""
    local = mesh.data("compute", "show", "local")
    options = {
        "--address": local["address"],
        "--port": local["port"],
        "--login": local["login"],
        "--scratch": local["scratch"],
        "--credential": "local",
        "--host-key": local["host_keys"][0],
    }
    options |= {f"--{key.replace('_', '-')}": value for key, value in changed.items()}
    mesh.ok("compute", "add", name, *(word for pair in options.items() for word in pair))
    prepare(mesh, tmp_path, name)


def test_another_host_key_fails_at_once_naming_both(mesh: RunningMesh, connection: Connection, tmp_path: Path) -> None:
    add_host(mesh, tmp_path, "impostor", host_key=FOREIGN_KEY)
    ended = Probe(connection, tmp_path, "impostor").create().launch().wait_end()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_FAILED
    assert ended.experiment.condition_code == state_pb2.CONDITION_CODE_HOST_KEY_MISMATCH
    assert ended.experiment.reason.count("SHA256:") == 2, ended.experiment.reason


def test_a_nonzero_exit_fails_with_code_and_stderr_and_brings_the_logs_back(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    add_host(mesh, tmp_path, "second")
    probe = Probe(connection, tmp_path, "second").create(code=7).launch()
    ended = probe.wait_end()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_FAILED
    assert ended.experiment.condition_code == state_pb2.CONDITION_CODE_NONZERO_EXIT
    assert "exit code 7" in ended.experiment.reason
    assert "to-stderr" in ended.experiment.reason
    assert probe.runs() == 1
    assert "to-stdout" in mesh.ok("experiment", "logs", probe.id)
    assert "to-stderr" in mesh.ok("experiment", "logs", probe.id, "--stderr")


def test_a_host_out_of_reach_blocks_with_the_reason_until_the_budget_is_spent(
    mesh: RunningMesh, connection: Connection, tmp_path: Path
) -> None:
    add_host(mesh, tmp_path, "nowhere", port=free_ports(1)[0])
    add_host(mesh, tmp_path, "stranger", login="nobody-of-that-name")
    causes = {
        "nowhere": state_pb2.CONDITION_CODE_HOST_UNREACHABLE,
        "stranger": state_pb2.CONDITION_CODE_LOGIN_REFUSED,
    }
    probes = {name: Probe(connection, tmp_path, name).create().launch() for name in causes}
    for name, probe in probes.items():
        blocked = probe.wait(lambda answer: answer.process.state == state_pb2.PROCESS_STATE_BLOCKED)
        assert blocked.experiment.state == state_pb2.EXPERIMENT_STATE_EXECUTING
        assert blocked.experiment.reason
        assert blocked.process.condition_code == causes[name]
    for probe in probes.values():
        ended = probe.wait_end()
        assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_FAILED
        assert "gave up" in ended.experiment.reason
        assert probe.runs() == 0


def test_an_output_comes_back_byte_for_byte(mesh: RunningMesh, connection: Connection, tmp_path: Path) -> None:
    add_host(mesh, tmp_path, "third")
    probe = Probe(connection, tmp_path, "third").create().launch()
    ended = probe.wait_end()
    assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
    outputs = {output["name"]: output for output in mesh.data("experiment", "outputs", probe.id)}
    assert set(outputs) == {"copy", "stdout", "stderr"}
    assert outputs["copy"]["sha256"] == hashlib.sha256(probe.content.encode()).hexdigest()
    mesh.ok("experiment", "outputs", probe.id, "--download", tmp_path / "results")
    assert (tmp_path / "results" / "copy.txt").read_text() == probe.content
