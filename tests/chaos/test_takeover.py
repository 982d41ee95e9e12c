"""A scheduler is killed with a thousand live processes: another one has resumed all of them within ten seconds."""

import shutil
from pathlib import Path

import pytest

from bench.flow.takeover import GOAL_SECONDS, taken_over
from vahana_client.mesh.postgres import BINARIES


@pytest.mark.timeout(400)
@pytest.mark.skipif(shutil.which("initdb", path=str(BINARIES)) is None, reason="PostgreSQL 15 is not installed")
def test_a_thousand_processes_are_resumed_within_ten_seconds(tmp_path: Path) -> None:
    (figure,) = taken_over(tmp_path)
    assert figure.value <= GOAL_SECONDS
