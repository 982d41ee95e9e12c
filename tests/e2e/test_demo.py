"""The example gives the result its program gives by hand, and the demo shows it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/bowtie2"
DATA = Path("/usr/share/doc/bowtie2/examples")


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rate bowtie2 prints when run by hand, e.g. "94.04%"."""
    directory = tmp_path_factory.mktemp("by-hand")
    reference, reads = DATA / "reference/lambda_virus.fa.gz", DATA / "reads/reads_1.fq.gz"
    subprocess.run(["bowtie2-build", "--quiet", reference, "x"], cwd=directory, check=True)
    align = ["bowtie2", "-x", "x", "-U", reads, "-S", "by-hand.sam"]
    done = subprocess.run(align, cwd=directory, check=True, capture_output=True, text=True)
    return rate(done.stderr)


def rate(summary: str) -> str:
    found = re.search(r"([\d.]+%) overall alignment rate", summary)
    assert found, summary
    return found[1]


def test_an_experiment_gives_the_rate_bowtie2_gives_by_hand(bowtie2, by_hand, tmp_path):
    shown = bowtie2.ok("experiment", "run", EXAMPLE / "experiment.yaml")
    last = shown.splitlines()[-1]
    experiment_id = re.fullmatch(r"experiment (\S+) COMPLETED", last)[1]
    for task in ("env-setup", "stage-in-reads", "stage-in-reference", "pre-job", "submit", "monitor"):
        assert re.search(rf"\b{task} +COMPLETED", shown), shown
    outputs = bowtie2.data("experiment", "outputs", experiment_id, "--download", tmp_path)
    paths = {one["name"]: Path(one["path"]) for one in outputs}
    assert rate(paths["summary"].read_text()) == by_hand
    records = [line for line in paths["alignment"].read_text().splitlines() if not line.startswith("@")]
    assert len(records) == 10_000
    assert rate(bowtie2.ok("experiment", "logs", experiment_id, "--stderr")) == by_hand
    states = {task["task_id"]: task["state"] for task in bowtie2.data("experiment", "show", experiment_id)["tasks"]}
    assert set(states.values()) == {"TASK_STATE_COMPLETED"}
    (history,) = bowtie2.data("experiment", "events", experiment_id, "--check")
    assert (history["complete"], history["gaps"]) == (True, [])


def test_the_demo_ends_with_the_experiment_completed_and_leaves_nothing(by_hand, tmp_path):
    (tmp_path / "tmp").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TMPDIR": f"{tmp_path}/tmp",
    }
    done = subprocess.run(
        [EXAMPLE / "demo", tmp_path / "out"], env=environment, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"experiment \S+ COMPLETED", lines[-1])
    assert rate(done.stdout) == by_hand
    assert f"outputs: {tmp_path}/out/aligned.sam {tmp_path}/out/summary.txt" in lines
    assert not list((tmp_path / "tmp").iterdir())
