"""The script of a FORK job, run by a real sh."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.executor import scripts
from services.executor.batch.api import JobRequest
from services.executor.batch.script import render
from services.executor.domain.troubles import Failure

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def run(base: Path, request: JobRequest, shell: str = "sh") -> str:
    """Run a rendered script and return its receipt."""
    (base / request.directory).mkdir(parents=True)
    (base / "work").mkdir(exist_ok=True)
    subprocess.run([shell, "-c", render(request), "script"], check=True, cwd=base)
    return (base / request.directory / ".exit").read_text().strip()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(TEXT, max_size=5), value=TEXT)
def test_any_words_and_values_reach_the_program(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], value: str
) -> None:
    base = tmp_path_factory.mktemp("it's a job")
    command = ("sh", "-c", 'printf "%s\\0" "$VALUE" "$@"', "name", *words)
    request = JobRequest(str(base), "jobs/submit.a1", "x1", (command,), environment=(("VALUE", value),))
    assert run(base, request) == "exit 0"
    said = (base / "jobs/submit.a1/stdout").read_bytes()
    assert said.split(b"\0")[:-1] == [value.encode(), *(word.encode() for word in words)]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("command", "receipt"),
    [
        (("true",), "exit 0"),
        (("false",), "exit 1"),
        (("no-such-program",), "missing 127"),
        (("./no-such-program",), "missing 127"),
        (("/",), "exit 126"),
        (("sh", "-c", "exit 200"), "exit 200"),
        (("sh", "-c", "kill -9 $$"), "exit 137"),
        (("cat",), "exit 0"),
    ],
)
def test_receipts(tmp_path: Path, shell: str, command: tuple[str, ...], receipt: str) -> None:
    assert run(tmp_path, JobRequest(str(tmp_path), "jobs/a.a1", "x1", (command,)), shell) == receipt


def test_a_program_is_looked_for_on_the_path_it_is_given(tmp_path: Path) -> None:
    mine = tmp_path / "bin" / "mine"
    mine.parent.mkdir()
    mine.write_text("#!/bin/sh\necho mine\n")
    mine.chmod(0o755)
    request = JobRequest(str(tmp_path), "jobs/a.a1", "x1", (("mine",),), environment=(("PATH", f"{mine.parent}:/bin"),))
    assert run(tmp_path, request) == "exit 0"


def test_modules_are_loaded_before_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "module"
    fake.write_text('#!/bin/sh\necho "$1 $2" >> loaded\n[ "$2" != broken ]\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    request = JobRequest(str(tmp_path), "jobs/a.a1", "x1", (("true",),), modules=("bio/bowtie2", "a b"))
    assert run(tmp_path, request) == "exit 0"
    assert (tmp_path / "work" / "loaded").read_text() == "load bio/bowtie2\nload a b\n"
    broken = JobRequest(str(tmp_path), "jobs/b.a1", "x2", (("touch", "ran"),), modules=("broken",))
    assert run(tmp_path, broken) == "exit 1"
    assert not (tmp_path / "work" / "ran").exists()


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "A;id", "Ä", "A\n"])
def test_a_variable_needs_a_name(name: str) -> None:
    with pytest.raises(Failure, match="name of an environment variable"):
        render(JobRequest("/b", "jobs/a.a1", "x", (("true",),), environment=((name, "x"),)))


def test_a_word_with_nul_is_refused() -> None:
    with pytest.raises(Failure, match="NUL"):
        render(JobRequest("/b", "jobs/a.a1", "x", (("a\0b",),)))


def start(base: Path, request: JobRequest, grace_seconds: float = 0.3) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a script as a job, which is a process group; return it and where its receipt comes."""
    (base / request.directory).mkdir(parents=True, exist_ok=True)
    (base / "work").mkdir()
    process = subprocess.Popen(["sh", "-c", render(request, grace_seconds)], cwd=base, start_new_session=True)
    return process, base / request.directory / ".exit"


def limited(base: Path, script: str, wall_time_ms: int = 300) -> JobRequest:
    return JobRequest(str(base), "jobs/a.a1", "x1", (("sh", "-c", script),), wall_time_ms=wall_time_ms)


@pytest.mark.parametrize(
    ("script", "receipt"),
    [
        ("sleep 1000 & sleep 1000", "timeout 143"),
        ("trap 'exit 0' TERM; while :; do sleep 0.01; done", "timeout 0"),
    ],
)
def test_a_job_is_ended_at_the_end_of_its_wall_time(tmp_path: Path, script: str, receipt: str) -> None:
    began = time.monotonic()
    process, exit_file = start(tmp_path, limited(tmp_path, script))
    process.wait(20)
    assert time.monotonic() - began >= 0.3
    assert exit_file.read_text().strip() == receipt
    gone(process.pid)


def test_a_job_that_does_not_heed_its_limit_is_killed(tmp_path: Path) -> None:
    process, _ = start(tmp_path, limited(tmp_path, "trap '' TERM; sleep 1000 & while :; do sleep 0.01; done"))
    assert process.wait(20) == -signal.SIGKILL
    gone(process.pid)
    assert (tmp_path / "jobs/a.a1/.timeout").exists()


def test_the_limit_needs_no_room_for_its_file(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo x > began; while :; do sleep 0.01; done"
    (tmp_path / "jobs/a.a1").mkdir(parents=True)
    # Neither a file nor a link can be made of this name.
    (tmp_path / "jobs/a.a1/.timeout").symlink_to("nowhere/at/all")
    process, exit_file = start(tmp_path, limited(tmp_path, deaf))
    assert process.wait(20) == -signal.SIGKILL
    gone(process.pid)
    assert not exit_file.exists()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_uptime_is_a_number_however_it_is_written(tmp_path: Path, shell: str) -> None:
    for said, expected in (("0.08 0.01", "8"), ("0.50 0.09", "50"), ("12.34 9.99", "1234"), ("1000.09 1.0", "100009")):
        (tmp_path / "uptime").write_text(f"{said}\n")
        session = scripts.text("session").replace("/proc/uptime", str(tmp_path / "uptime"))
        script = [shell, "-c", f"{session}\nuptime; echo $((up - 0))\n"]
        assert subprocess.run(script, capture_output=True, check=True, text=True).stdout.strip() == expected


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_of_a_look_at_a_scratch_location_stays_when_it_is_ended(
    tmp_path: Path, shell: str, number: signal.Signals
) -> None:
    slow = tmp_path / "bin" / "stat"
    slow.parent.mkdir()
    slow.write_text('#!/bin/sh\necho x > "$0.began"\nexec sleep 1000\n')
    slow.chmod(0o755)
    wanted = tmp_path / "new" / "scratch"
    process = subprocess.Popen(
        # Under nohup it is ignored, and what a shell finds ignored no trap of it takes.
        ["env", f"--default-signal={number.name}", shell, "-c", scripts.remote("check_scratch"), "marker", str(wanted)],
        env={"PATH": f"{slow.parent}:/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (slow.parent / "stat.began").exists():
        time.sleep(0.01)
    assert [file.name for file in wanted.iterdir()]
    os.killpg(process.pid, number)
    process.wait(20)
    assert [file.name for file in tmp_path.iterdir()] == ["bin"]


def test_a_job_that_ends_in_time_takes_its_clock_with_it(tmp_path: Path) -> None:
    wait = "while [ ! -e go ]; do sleep 0.01; done"
    process, exit_file = start(tmp_path, limited(tmp_path, wait, 100_000))
    while not (clocks := clocks_of(tmp_path)):
        time.sleep(0.01)
    (tmp_path / "work" / "go").touch()
    process.wait(20)
    assert exit_file.read_text().strip() == "exit 0"
    for pid in clocks:
        gone(pid)


def clocks_of(base: Path) -> list[int]:
    """The sessions of clocks of a job."""
    words = [(each.pid, each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]
    return [pid for pid, line in words if f"{base}/jobs/a.a1" in line and "limit" in line and os.getsid(pid) == pid]


@pytest.mark.parametrize("ended", ["by its limit", "before it"])
def test_the_clock_outlives_the_shell_of_the_job_and_ends_with_the_rest(tmp_path: Path, ended: str) -> None:
    process, _ = start(tmp_path, limited(tmp_path, "echo x > began; sleep 1000", 1500))
    while not (tmp_path / "work" / "began").exists() or not (clocks := clocks_of(tmp_path)):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
    if ended == "before it":
        os.killpg(process.pid, signal.SIGKILL)
    for pid in clocks:
        gone(pid)
    gone(process.pid)
    assert (tmp_path / "jobs/a.a1/.timeout").exists() is (ended == "by its limit")


def gone(pid: int) -> None:
    """Wait until all of a process group is no more; whoever adopts its dead may be slow to bury them."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        group = [each for each in psutil.process_iter(["status"]) if _group(each.pid) == pid]
        if all(each.info["status"] == psutil.STATUS_ZOMBIE for each in group):
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} is still there")


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
