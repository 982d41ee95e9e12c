"""Users with tokens of their own: what they may see is what was shared with them."""

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.e2e.conftest import RunningMesh, wait_until
from tests.e2e.probe import PROJECT, Probe, prepare
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection

EXAMPLE = Path(__file__).parents[2] / "examples" / "policy" / "chemists.yaml"


class Person:
    """A user with a token, who types commands."""

    def __init__(self, mesh: RunningMesh, name: str, *scopes: str) -> None:
        self.name, self._mesh = name, mesh
        if name not in {user["name"] for user in mesh.data("user", "list")}:
            mesh.ok("user", "add", name)
        words = [word for scope in scopes for word in ("--scope", scope)]
        made = mesh.data("token", "create", f"test-{len(mesh.data('token', 'list', '--all'))}", "--user", name, *words)
        self.token, self.token_id = made["token"], made["api_token"]["token_id"]

    def says(self, *words: object) -> tuple[int, str]:
        """Types a command; returns its exit code and all it printed."""
        self._mesh.environment["VAHANA_TOKEN"] = self.token
        try:
            done = self._mesh.vahana(*words)
        finally:
            del self._mesh.environment["VAHANA_TOKEN"]
        return done.returncode, done.stdout + done.stderr

    def connect(self) -> Connection:
        """A connection as this person."""
        return Connection(self._mesh.record().gateway, self.token)


def wait_readable(connection: Connection, experiment: Probe) -> None:
    """Waits until the groups and members of a moment ago have reached the experiment service."""
    request = experiment_pb2.GetExperimentRequest(experiment_id=experiment.id)

    def readable() -> bool:
        try:
            return bool(connection.experiments.GetExperiment(request).experiment.experiment_id)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return False

    wait_until(readable, 20, "the experiment to be readable")


def may_use_host(person: Person, experiment: Probe) -> bool:
    """What a dry run says."""
    report = json.loads(person.says("experiment", "validate", experiment.id, "-o", "json")[1])
    verdicts = {each["rule"]: each["allowed"] for each in report["verdicts"]}
    return bool(verdicts["compute_resource.access"])


@pytest.fixture(scope="module")
def experiment(mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    directory = tmp_path_factory.mktemp("application")
    prepare(mesh, directory)
    with mesh.connect() as connection:
        probe = Probe(connection, directory).create().launch()
        probe.wait_end()
        yield probe


def test_a_person_sees_what_was_shared_and_no_more(mesh: RunningMesh, experiment: Probe, tmp_path: Path) -> None:
    ada = Person(mesh, "ada")
    assert "ada" in ada.says("whoami")[1]
    code, told = ada.says("experiment", "show", experiment.id)
    assert (code, "no experiment" in told or "NOT_FOUND" in told) == (2, True), told
    assert experiment.id not in ada.says("experiment", "list")[1]

    mesh.ok("group", "create", "chemists")
    mesh.ok("group", "create", "scientists")
    mesh.ok("group", "add", "scientists", "--group", "chemists")
    mesh.ok("group", "add", "chemists", "--user", "ada")
    mesh.ok("share", "add", "--experiment", experiment.id, "--group", "scientists")
    with ada.connect() as connection:
        wait_readable(connection, experiment)
    assert experiment.id in ada.says("experiment", "list")[1]
    code, told = ada.says("experiment", "relaunch", experiment.id)
    assert (code, "NOT_ALLOWED" in told) == (4, True), told
    code, told = ada.says("experiment", "outputs", experiment.id, "--download", tmp_path / "out")
    assert code == 0, told
    assert (tmp_path / "out" / "copy.txt").read_text() == experiment.content

    mesh.ok("share", "remove", "--experiment", experiment.id, "--group", "scientists")
    assert ada.says("experiment", "show", experiment.id)[0] == 2


def test_on_a_restricted_host_only_groups_with_a_grant_launch(mesh: RunningMesh, experiment: Probe) -> None:
    lise = Person(mesh, "lise")
    mesh.ok("share", "add", "--project", PROJECT, "--user", "lise", "--permission", "write")
    with lise.connect() as connection:
        wait_readable(connection, experiment)
    mesh.ok("compute", "update", "local", "--restricted")
    try:
        # What was restricted a moment ago is open until experiment has heard of that.
        wait_until(lambda: not may_use_host(lise, experiment), 20, "the host to be closed to lise")
        code, told = lise.says("experiment", "relaunch", experiment.id)
        assert (code, "NOT_ALLOWED" in told) == (4, True), told
        mesh.ok("group", "add", "chemists", "--user", "lise")
        mesh.ok("policy", "apply", EXAMPLE)
        code, told = lise.says("experiment", "relaunch", experiment.id)
        assert code == 0, told
        assert experiment.wait_end().experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED
    finally:
        mesh.ok("compute", "update", "local", "--open")


def test_a_narrow_token_does_no_more_than_its_scopes(mesh: RunningMesh, experiment: Probe) -> None:
    reader = Person(mesh, "grace", "experiment:read")
    mesh.ok("share", "add", "--project", PROJECT, "--user", "grace")
    with reader.connect() as connection:
        wait_readable(connection, experiment)
    code, told = reader.says("project", "create", "of-grace")
    assert (code, "NOT_ALLOWED" in told) == (4, True), told
    code, told = reader.says("compute", "list")
    assert (code, "NOT_ALLOWED" in told) == (4, True), told


def test_a_revoked_token_lets_nobody_in(mesh: RunningMesh) -> None:
    person = Person(mesh, "mary")
    mesh.ok("token", "revoke", person.token_id)
    code, told = person.says("experiment", "list")
    assert (code, "TOKEN_INVALID" in told) == (4, True), told
