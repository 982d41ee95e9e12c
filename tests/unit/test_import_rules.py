"""The import rules hold, and a breach of each is reported."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# (importing module's file, the planted line, how the linter names the breach)
BREACHES = [
    ("services/registry/handlers", "import services.profile.handlers", "services are independent siblings"),
    ("services/chassis/ids", "import services.registry.storage", "services stand on the chassis"),
    ("services/registry/storage", "import services.registry.handlers", "inside a service"),
    ("services/profile/wire", "import services.profile.transport", "inside a service"),
    ("services/scheduler/walker", "import sqlalchemy", "pure code imports the standard library alone"),
    ("services/executor/backoff", "import grpc", "pure code imports the standard library alone"),
    ("services/experiment/storage", "import confluent_kafka", "handlers and storage know no wire"),
    ("services/scheduler/handlers", "import grpc", "handlers and storage know no wire"),
    ("services/executor/tasks/cleanup", "import confluent_kafka", "Kafka lives in the bus alone"),
    ("services/executor/tasks/cleanup", "import fabric", "Fabric lives in the SSH channel alone"),
    ("client/vahana_client/connection", "import services.chassis.ids", "the client knows no service"),
]


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs the import linter over the tree in `directory`, which must shadow the installed one."""
    path = os.pathsep.join(str(directory / part) for part in (".", "gen", "client"))
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for part in ("services", "client", "gen"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def module_file(tree: Path, stem: str) -> Path:
    """A module may be a file or a package."""
    as_file = tree / f"{stem}.py"
    return as_file if as_file.exists() else tree / stem / "__init__.py"


def test_the_tree_keeps_every_rule(tree: Path) -> None:
    done = lint(tree)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_breach_of_each_rule_is_reported(tree: Path) -> None:
    for stem, line, _ in BREACHES:
        file = module_file(tree, stem)
        file.write_text(f"{file.read_text()}\n{line}\n")
    done = lint(tree)
    assert done.returncode == 1, done.stdout + done.stderr
    report = done.stdout.split("Broken contracts", 1)[1]
    for stem, line, rule in BREACHES:
        importer = stem.removeprefix("client/").replace("/", ".")
        imported = line.removeprefix("import ")
        section = report.split(rule, 1)
        assert len(section) == 2, f"rule not reported: {rule}\n{report}"
        assert f"{importer} -> {imported}" in report, f"breach not reported: {importer} -> {imported}\n{report}"
