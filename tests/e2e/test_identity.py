"""Who gets in where, and what becomes of it while profile is away."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.contract.certificates import Authority
from tests.e2e.conftest import RunningMesh
from tests.e2e.probe import Probe, prepare
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana.profile.v1 import identity_pb2
from vahana_client.connection import Connection

COMPLETED = state_pb2.EXPERIMENT_STATE_COMPLETED
LIST = experiment_pb2.ListExperimentsRequest(page_size=1)


@pytest.mark.parametrize("subject", ["admin", "executor"])
def test_a_service_called_directly_takes_access_tokens_alone(mesh: RunningMesh, subject: str) -> None:
    with Connection(mesh.address("experiment"), mesh.access_token(subject)) as direct:
        if subject == "admin":
            direct.experiments.ListExperiments(LIST)
    with Connection(mesh.address("experiment"), mesh.token(subject)) as direct, pytest.raises(grpc.RpcError) as told:
        direct.experiments.ListExperiments(LIST)
    assert told.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_profile_alone_exchanges_tokens(mesh: RunningMesh) -> None:
    with Connection(mesh.address("profile"), mesh.token()) as direct:
        answer = direct.identity.ExchangeToken(identity_pb2.ExchangeTokenRequest(scopes=["registry:read"]))
    assert (answer.caller.subject, list(answer.caller.scopes)) == ("admin", ["registry:read"])
    with Connection(mesh.record().gateway, answer.access_token) as narrow, pytest.raises(grpc.RpcError) as told:
        narrow.experiments.ListExperiments(LIST)
    assert told.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_an_experiment_goes_on_while_profile_is_killed_again_and_again(mesh: RunningMesh, tmp_path: Path) -> None:
    prepare(mesh, tmp_path)
    with mesh.connect() as connection:
        probe = Probe(connection, tmp_path).create(seconds=2).launch()
        for _ in range(3):
            pid = mesh.pid("profile")
            os.kill(pid, signal.SIGKILL)
            mesh.wait_serving("profile", other_than=pid)
        assert probe.wait_end().experiment.state == COMPLETED
        assert probe.runs() == 1


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[RunningMesh]:
    """A mesh of its own in which nothing goes in the clear and everyone shows a certificate."""
    authority = Authority(tmp_path / "authority", "mesh")
    certificate, key = authority.vouch("service")
    shown, own = authority.vouch("client")
    made = RunningMesh(tmp_path / "home")
    made.environment |= {
        "VAHANA_TLS_CERTIFICATE_FILE": str(certificate),
        "VAHANA_TLS_KEY_FILE": str(key),
        "VAHANA_TLS_CA_FILE": str(authority.file),
        "VAHANA_TLS_REQUIRE_CLIENT_CERTIFICATE": "true",
        "VAHANA_CA_FILE": str(authority.file),
        "VAHANA_CERTIFICATE_FILE": str(shown),
        "VAHANA_KEY_FILE": str(own),
    }
    try:
        made.ok("up", "--detach", "--free-ports", seconds=180)
        yield made
    finally:
        made.vahana("down")


def test_a_mesh_by_mutual_tls(encrypted: RunningMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with encrypted.connect() as plain, pytest.raises(grpc.RpcError) as told:
        plain.experiments.ListExperiments(LIST, timeout=5)
    assert told.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    for name in ("VAHANA_CA_FILE", "VAHANA_CERTIFICATE_FILE", "VAHANA_KEY_FILE"):
        monkeypatch.setenv(name, encrypted.environment[name])
    prepare(encrypted, tmp_path)
    with encrypted.connect() as connection:
        probe = Probe(connection, tmp_path).create().launch()
        assert probe.wait_end().experiment.state == COMPLETED
