"""Fail points: each is placed once, does nothing unless it is asked for, and then what it was asked for."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from services.chassis.failpoints import POINTS

ROOT = Path(__file__).parents[3]
PROGRAM = """
from services.chassis.failpoints import failpoint
for number in range(3):
    failpoint("relay.published")
    print(number, flush=True)
"""


def run(setting: str) -> "subprocess.Popen[str]":
    """A program that passes a point three times."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "VAHANA_FAILPOINTS": setting},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_each_point_is_placed_once() -> None:
    sources = (file.read_text() for file in (ROOT / "services").rglob("*.py"))
    placed = Counter(name for source in sources for name in re.findall(r'failpoint\("([^"]*)"\)', source))
    assert placed == dict.fromkeys(POINTS, 1)


@pytest.mark.parametrize("setting", ["", "relay.marked=kill", "relay.published=kill@4"])
def test_nothing_happens_elsewhere(setting: str) -> None:
    process = run(setting)
    assert process.communicate()[0].split() == ["0", "1", "2"]
    assert process.returncode == 0


@pytest.mark.parametrize(("setting", "passed"), [("kill", []), ("kill@3", ["0", "1"])])
def test_the_process_is_killed_at_the_pass_asked_for(setting: str, passed: list[str]) -> None:
    process = run(f"relay.marked=kill,relay.published={setting}")
    assert process.communicate()[0].split() == passed
    assert process.returncode == -signal.SIGKILL


def test_a_stopped_process_goes_on_when_woken() -> None:
    process = run("relay.published=stop@2")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    process.send_signal(signal.SIGCONT)
    assert process.communicate()[0].split() == ["0", "1", "2"]


@pytest.mark.parametrize("setting", ["relay.publisht=kill", "relay.published=explode", "relay.published"])
def test_what_cannot_be_is_refused(setting: str) -> None:
    process = run(setting)
    assert "ValueError" in process.communicate()[1]
    assert process.returncode == 1
