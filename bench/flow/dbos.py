"""DBOS, measured beside the mesh: in an environment of its own, made when it is first needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.flow.waves import IDLE, STEPS, WAVES

_HERE = Path(__file__).parents[1] / "dbos"
_ENVIRONMENT = Path(__file__).parents[2] / ".run" / "dbos"
_SECONDS = 600.0


def measure(database_url: str) -> Mapping[str, float]:
    """Figures of DBOS on a database, by name."""
    shape = json.dumps({"steps": STEPS, "idle": IDLE, "waves": WAVES})
    command = [str(_python()), str(_HERE / "steps.py"), database_url, shape]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"DBOS was not measured: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _python() -> Path:
    """The interpreter of an environment with what requirements.txt pins."""
    wanted, installed = _HERE / "requirements.txt", _ENVIRONMENT / "requirements.txt"
    python = _ENVIRONMENT / "bin" / "python"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT)], check=True)
        install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "-r", str(wanted)]
        subprocess.run([str(python), *install], check=True)
        installed.write_text(wanted.read_text())
    return python
