"""Checks of compute resources: real logins to a private SSH server, which also plays hosts with other job managers."""

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from services.executor.channels.api import Site
from services.executor.channels.ssh import SshLogins, SshOptions
from services.executor.checking import Host, check
from services.executor.domain.checks import Report
from services.executor.domain.troubles import Condition
from tests.integration.conftest import free_port
from tests.integration.executor.support import KeyHolder, site_at
from vahana_client.mesh.sshd import LocalSshd

ALL = ["connect", "host_key", "login", "job_manager", "scratch", "clock"]


@pytest.fixture
def logins(key_holder: KeyHolder) -> SshLogins:
    return SshLogins(key_holder, SshOptions(connect_seconds=2))


@pytest.fixture
def serve(key_holder: KeyHolder) -> Iterator[Callable[..., Site]]:
    """Starts a server with options of sshd_config(5) of its own."""
    with ExitStack() as ending:

        def start(**options: str) -> Site:
            home = Path(tempfile.mkdtemp(prefix="vahana-sshd-"))
            ending.callback(shutil.rmtree, home)
            server = ending.enter_context(LocalSshd(home, free_port(), options=options))
            server.authorize(key_holder.public_key("", ""))
            return site_at(server)

        yield start


def outcome(report: Report) -> list[tuple[str, bool]]:
    return [(finding.check, finding.passed) for finding in report.findings]


def test_a_sound_host(logins: SshLogins, site: Site, scratch: Path, sshd: LocalSshd) -> None:
    report = check(logins, Host(site, str(scratch), "FORK"))
    assert outcome(report) == [(name, True) for name in ALL]
    assert report.passed
    assert report.version.startswith("fork on Linux ")
    assert report.fingerprint.startswith("SHA256:")
    free = shutil.disk_usage(scratch).free
    assert abs(report.scratch_free_bytes - free) < free / 2
    assert abs(report.clock_offset) < 2
    assert 0 < report.command_seconds < report.login_seconds < 10
    assert list(scratch.iterdir()) == []


def test_every_check_is_a_login_of_its_own(logins: SshLogins, site: Site, scratch: Path, key_holder: KeyHolder) -> None:
    before = key_holder.signatures
    for _ in range(2):
        check(logins, Host(site, str(scratch), "FORK"))
    assert key_holder.signatures == before + 2


def test_a_scratch_location_that_is_not_there_yet_stays_so(logins: SshLogins, site: Site, scratch: Path) -> None:
    report = check(logins, Host(site, f"{scratch}/new", "FORK"))
    assert report.passed
    assert list(scratch.iterdir()) == []


def test_of_a_scratch_location_that_is_not_there_only_what_was_made_is_removed(
    logins: SshLogins, site: Site, scratch: Path
) -> None:
    (scratch / "mine").mkdir()
    for path in ("a/b/c", "mine/b/c", "a//b/"):
        assert check(logins, Host(site, f"{scratch}/{path}", "FORK")).passed
        assert list(scratch.rglob("*")) == [scratch / "mine"]
    (scratch / "mine" / "file").touch()
    assert not check(logins, Host(site, f"{scratch}/mine/file/c", "FORK")).passed
    assert list(scratch.rglob("*")) == [scratch / "mine", scratch / "mine" / "file"]


def test_a_scratch_location_that_cannot_be_used(logins: SshLogins, site: Site, scratch: Path) -> None:
    (scratch / "file").touch()
    report = check(logins, Host(site, str(scratch / "file"), "FORK"))
    assert outcome(report) == [(name, name != "scratch") for name in ALL]
    assert not report.passed
    assert str(scratch / "file") in report.findings[4].detail


def test_a_job_manager_that_is_not_there(logins: SshLogins, site: Site, scratch: Path) -> None:
    for manager, program in (("PBS", "qstat"), ("LSF", "lsid")):
        report = check(logins, Host(site, str(scratch), manager))
        assert outcome(report) == [(name, name != "job_manager") for name in ALL]
        failed = report.findings[3]
        assert failed.condition is Condition.EXECUTABLE_NOT_FOUND
        assert f"{program}: not found" in failed.detail


@pytest.fixture
def programs() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="vahana-programs-"))
    yield path
    shutil.rmtree(path)


def put(programs: Path, name: str, text: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\n{text}\n")
    (programs / name).chmod(0o755)


SINFO = 'if [ "$1" = --version ]; then echo "slurm 22.05.8"; else printf "debug\\nlong\\ndebug\\n"; fi'


def test_job_managers_are_asked_what_they_are(
    logins: SshLogins, serve: Callable[..., Site], scratch: Path, programs: Path
) -> None:
    site = serve(SetEnv=f"SHLVL=1 PATH={programs}:/usr/bin:/bin")
    put(programs, "sinfo", SINFO)
    put(programs, "qstat", "echo pbs_version = 22.05.11 >&2")
    put(programs, "lsid", "echo IBM Spectrum LSF 10.1; echo My cluster name is one")
    slurm = check(logins, Host(site, str(scratch), "SLURM", ("debug",)))
    assert (slurm.passed, slurm.version, slurm.queues) == (True, "slurm 22.05.8", ("debug", "long"))
    assert [finding.check for finding in slurm.findings] == [*ALL[:4], "queues", *ALL[4:]]
    other = check(logins, Host(site, str(scratch), "SLURM", ("debug", "gone")))
    assert not other.passed
    assert "no queue gone" in other.findings[4].detail
    assert check(logins, Host(site, str(scratch), "PBS")).version == "pbs_version = 22.05.11"
    assert check(logins, Host(site, str(scratch), "LSF")).version == "IBM Spectrum LSF 10.1"


def test_a_job_manager_that_fails_or_hangs_is_a_finding(
    logins: SshLogins, serve: Callable[..., Site], scratch: Path, programs: Path
) -> None:
    site = serve(SetEnv=f"SHLVL=1 PATH={programs}:/usr/bin:/bin")
    put(programs, "sinfo", "echo slurm_load_partitions: Unable to contact slurm controller >&2; exit 1")
    report = check(logins, Host(site, str(scratch), "SLURM"))
    assert outcome(report) == [(name, name != "job_manager") for name in ALL]
    assert "Unable to contact slurm controller" in report.findings[3].detail
    put(programs, "sinfo", "exec sleep 1000")
    began = time.monotonic()
    report = check(logins, Host(site, str(scratch), "SLURM"))
    assert time.monotonic() - began < 30
    assert outcome(report) == [(name, name != "job_manager") for name in ALL]


def test_a_wrong_host_key(logins: SshLogins, site: Site, scratch: Path) -> None:
    other = replace(site, host_keys=(KeyHolder().public_key("", ""),))
    report = check(logins, Host(other, str(scratch), "FORK"))
    assert outcome(report) == [("connect", True), ("host_key", False)]
    assert report.findings[1].condition is Condition.HOST_KEY_MISMATCH
    assert report.fingerprint in report.findings[1].detail
    assert report.fingerprint


def test_a_refused_login(site: Site, scratch: Path) -> None:
    stranger = SshLogins(KeyHolder(), SshOptions(connect_seconds=2))
    report = check(stranger, Host(site, str(scratch), "FORK"))
    assert outcome(report) == [("connect", True), ("host_key", True), ("login", False)]
    assert report.findings[2].condition is Condition.LOGIN_REFUSED
    assert report.fingerprint.startswith("SHA256:")


def test_nobody_there(logins: SshLogins, site: Site, scratch: Path) -> None:
    report = check(logins, Host(replace(site, port=free_port()), str(scratch), "FORK"))
    assert outcome(report) == [("connect", False)]
    assert report.findings[0].condition is Condition.HOST_UNREACHABLE
    assert (report.fingerprint, report.login_seconds) == ("", None)


def test_a_host_that_accepts_and_says_nothing(logins: SshLogins, site: Site, scratch: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        report = check(logins, Host(replace(site, port=silent.getsockname()[1]), str(scratch), "FORK"))
        assert time.monotonic() - began < 15
    assert outcome(report) == [("connect", False)]


def test_a_login_that_runs_no_commands(logins: SshLogins, serve: Callable[..., Site], scratch: Path) -> None:
    report = check(logins, Host(serve(ForceCommand="echo no commands here"), str(scratch), "FORK"))
    assert outcome(report) == [("connect", True), ("host_key", True), ("login", False)]
    assert "no commands here" in report.findings[2].detail


def test_a_host_that_hangs_after_the_login(logins: SshLogins, serve: Callable[..., Site], scratch: Path) -> None:
    began = time.monotonic()
    report = check(logins, Host(serve(ForceCommand="sleep 30"), str(scratch), "FORK"))
    assert time.monotonic() - began < 30
    assert outcome(report) == [("connect", True), ("host_key", True), ("login", False)]
