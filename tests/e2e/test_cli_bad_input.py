"""What is wrong is refused before anything runs, with every fault named, and exit code 2."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from vahana.experiment.v1 import experiment_pb2 as pb

EXAMPLE = Path(__file__).parents[2] / "examples/bowtie2"


@pytest.fixture
def changed(tmp_path: Path):
    """Writes the example's experiment with changes; None takes a key away, "inputs.x" means an input."""

    def write(**changes: Any) -> Path:
        data = yaml.safe_load((EXAMPLE / "experiment.yaml").read_text())
        for key, value in changes.items():
            place = data["inputs"] if key in ("reads", "reference", "seed", "extra") else data
            place[key] = value
            if value is None:
                del place[key]
        path = tmp_path / "experiment.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"reads": None}, ["reads"]),
        ({"extra": "1"}, ["extra"]),
        ({"seed": "many"}, ["seed"]),
        ({"reads": "no/such.fq"}, ["reads"]),
        ({"reads": ["/etc/hostname", "/etc/hosts"]}, ["reads"]),
        ({"application": "unknown"}, ["application"]),
        ({"application": "bowtie2@0.0"}, ["application"]),
        ({"compute_resource": "nowhere"}, ["compute_resource"]),
        ({"queue": "long"}, ["queue"]),
        ({"project": "unknown"}, ["project"]),
        ({"cleanup": "sometimes"}, ["cleanup"]),
        ({"reads": None, "extra": "1", "seed": "x", "project": "unknown"}, ["reads", "extra", "seed", "project"]),
        ({"application": "unknown", "compute_resource": "nowhere"}, ["application", "compute_resource"]),
    ],
)
def test_every_fault_of_an_experiment_is_named(bowtie2, changed, changes, named):
    before = experiments(bowtie2)
    done = bowtie2.vahana("experiment", "run", changed(**changes))
    assert done.returncode == 2, done.stdout + done.stderr
    faults = done.stderr.splitlines()[1:]
    for name in named:
        assert any(name in fault for fault in faults), done.stderr
    assert "Traceback" not in done.stderr
    assert experiments(bowtie2) == before


def experiments(mesh) -> list[str]:
    with mesh.connect() as connection:
        page = connection.experiments.ListExperiments(pb.ListExperimentsRequest(page_size=1000))
    return [one.experiment_id for one in page.experiments]


@pytest.mark.parametrize(
    "words",
    [
        ["experiment", "show", "exp-unknown"],
        ["experiment", "launch", "exp-unknown"],
        ["experiment", "watch", "exp-unknown"],
        ["experiment", "outputs", "exp-unknown"],
        ["experiment", "logs", "exp-unknown"],
        ["experiment", "events", "exp-unknown"],
        ["compute", "show", "nowhere"],
        ["project", "create", "no spaces, please"],
        ["project", "create", "lambda"],
        ["credential", "add", "local"],
    ],
)
def test_unknown_malformed_and_taken_names(bowtie2, words):
    done = bowtie2.vahana(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_wrong_token_is_denied(mesh, tmp_path):
    (tmp_path / "token").write_text("guessed")
    done = mesh.vahana("--token-file", tmp_path / "token", "project", "list")
    assert (done.returncode, done.stdout) == (4, "")
    assert "TOKEN_INVALID" in done.stderr


def test_the_application_file_is_taken_twice_and_its_changed_form_refused(bowtie2, tmp_path):
    bowtie2.ok("app", "register", EXAMPLE / "application.yaml")
    data = yaml.safe_load((EXAMPLE / "application.yaml").read_text())
    data["interface"]["outputs"].pop()
    (tmp_path / "changed.yaml").write_text(yaml.safe_dump(data))
    done = bowtie2.vahana("app", "register", tmp_path / "changed.yaml")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "ALREADY_EXISTS" in done.stderr
