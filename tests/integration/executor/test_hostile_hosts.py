"""Hosts and accounts that misbehave: silent sessions, logins that end early, files that hold garbage, cut transfers."""

import contextlib
import os
import pwd
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

import paramiko
import psutil
import pytest

from services.executor.batch.api import WatchedJob
from services.executor.batch.fork import ForkJobs
from services.executor.channels.ssh import SshChannels, SshOptions
from services.executor.domain.jobs import Seen, Sighting
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.scripts import remote
from services.executor.tasks.env_setup import env_setup
from services.executor.tasks.staging_out import staging_out
from services.executor.tasks.submission import job_submission
from tests.conftest import free_ports
from tests.integration.executor.support import Bench, KeyHolder, site_at, until
from vahana.event.v1 import state_pb2, task_pb2
from vahana_client.mesh.sshd import LocalSshd


def look(bench: Bench, *directories: str) -> list[Sighting]:
    jobs = [WatchedJob(str(bench.path), directory) for directory in directories]
    return ForkJobs().look(bench.channels.channel(bench.site, bench.process), jobs)


@pytest.mark.parametrize("forced", ["true", "exit 0", "echo welcome"])
def test_a_login_that_ends_before_our_command_is_no_success(
    key_holder: KeyHolder, bench: Bench, tmp_path: Path, forced: str
) -> None:
    with LocalSshd(tmp_path, free_ports(1)[0], options={"ForceCommand": forced}) as server:
        server.authorize(key_holder.public_key("", ""))
        bench.site = site_at(server)
        with pytest.raises(Failure, match="without running our command"):
            env_setup(bench.context("env-setup", state_pb2.TASK_TYPE_ENV_SETUP, task_pb2.TaskSpec()))


def test_a_flood_on_stderr_does_not_stop_a_command(bench: Bench) -> None:
    script = remote() + "\nhead -c 6000000 /dev/zero | tr '\\0' e >&2\necho done\nexit 3\n"
    result = bench.channels.channel(bench.site, "proc-1").run(script, seconds=15)
    assert (result.stdout, result.exit_code) == (b"done\n", 3)
    assert set(result.stderr) == {ord("e")}
    assert 1_000_000 < len(result.stderr) <= 1024 * 1024


def test_a_session_that_answers_no_command_is_given_up(bench: Bench, key_holder: KeyHolder) -> None:
    with _MuteServer() as server:
        channels = SshChannels(key_holder, SshOptions(connect_seconds=1))
        site = replace(bench.site, port=server.port, host_keys=(server.host_key,))
        outcome: list[BaseException] = []

        def call() -> None:
            try:
                channels.channel(site, "proc-1").run(remote(), seconds=1)
            except Waiting as waiting:
                outcome.append(waiting)

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        caller.join(8)
        assert not caller.is_alive()
        assert outcome[0].condition is Condition.HOST_UNREACHABLE
        channels.close()


def test_a_connection_that_breaks_in_a_transfer_is_no_failure_of_the_attempt(bench: Bench, sshd: LocalSshd) -> None:
    bench.make_directories()
    (bench.path / "work" / "big").write_bytes(b"x" * 60_000_000)

    def cut(tenant: str, chunks: Iterator[bytes], sha256: str, size: int) -> None:
        next(chunks)
        for child in psutil.Process(sshd.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.name().startswith("sshd"):
                    child.kill()
        return write(tenant, chunks, sha256, size)

    write, bench.files.write = bench.files.write, cut
    spec = task_pb2.DataStagingOut(
        output="o", source=task_pb2.OUTPUT_SOURCE_FILE, path="big", file_name="big", required=True
    )
    context = bench.context(
        "stage-out-o", state_pb2.TASK_TYPE_DATA_STAGING_OUT, task_pb2.TaskSpec(data_staging_out=spec)
    )
    with pytest.raises(Waiting, match="broke"):
        staging_out(context)


def test_hundreds_of_jobs_that_failed_at_once_are_all_told(bench: Bench) -> None:
    bench.make_directories()
    directories = [f"jobs/submit-{number}.a1" for number in range(600)]
    for directory in directories:
        (bench.path / directory).mkdir()
        (bench.path / directory / ".owner").write_text("name x\nid 1\nstart 1\nboot b\nnode n\n")
        (bench.path / directory / ".exit").write_text("exit 3\n")
        (bench.path / directory / "stderr").write_bytes(b"e" * 4000)
    seen = look(bench, *directories)
    assert [each.directory for each in seen] == directories
    assert {(each.seen, each.exit_code) for each in seen} == {(Seen.ENDED, 3)}


@pytest.mark.parametrize(
    "receipt",
    [
        "exit nonsense\n",
        "exit\n",
        "\n",
        "exit 3 $(touch x) \n",
        "exit -1\n",
        "exit 99999999999999999999\n",
        "ex it 0\n",
        "exit 0; 1",
    ],
)
def test_a_receipt_that_holds_garbage_does_not_keep_others_from_being_seen(bench: Bench, receipt: str) -> None:
    bench.make_directories()
    job_submission(bench.submission("true"))
    until(lambda: look(bench, "jobs/submit.a1")[0].seen is Seen.ENDED)
    spoilt = bench.path / "jobs" / "spoilt.a1"
    spoilt.mkdir()
    (spoilt / ".owner").write_text("name a b c\nid 1 2\nstart 1\nboot b\nnode " + socket.gethostname() + "\n")
    (spoilt / ".exit").write_text(receipt)
    seen = look(bench, "jobs/spoilt.a1", "jobs/submit.a1")
    assert (seen[1].seen, seen[1].exit_code) == (Seen.ENDED, 0)
    assert seen[0].seen is Seen.LOST or "3" in receipt


def test_a_fence_whose_content_a_crash_of_the_host_lost_is_nobodys(bench: Bench) -> None:
    bench.make_directories()
    job_submission(bench.submission("true"))
    until(lambda: look(bench, "jobs/submit.a1")[0].seen is Seen.ENDED)
    (bench.path / "jobs" / "submit.a1" / ".owner").write_text("")
    (bench.path / "jobs" / "submit.a1" / ".exit").unlink()
    assert look(bench, "jobs/submit.a1")[0].seen is Seen.LOST


class _MuteServer:
    """Lets anyone in and opens sessions, and never answers a request to run something."""

    def __enter__(self) -> Self:
        key = paramiko.ECDSAKey.generate()
        self.host_key = f"{key.get_name()} {key.get_base64()}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._over = over = threading.Event()

        class Mute(paramiko.ServerInterface):
            def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
                return paramiko.AUTH_SUCCESSFUL

            def check_channel_request(self, kind: str, chanid: int) -> int:
                return paramiko.OPEN_SUCCEEDED

            def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
                return over.wait(30)

        def serve() -> None:
            transport = paramiko.Transport(self._listener.accept()[0])
            transport.add_server_key(key)
            transport.start_server(server=Mute())

        threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()


def test_directories_set_up_by_several_at_once(bench: Bench) -> None:
    def set_up(_: int) -> None:
        env_setup(bench.context("env-setup", state_pb2.TASK_TYPE_ENV_SETUP, task_pb2.TaskSpec()))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(set_up, range(30)))
    assert list((bench.path / "jobs").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_directories_nobody_may_write_to_are_cleaned_up() -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name:
        base, elsewhere = Path(name) / "exp-1" / "proc-1", Path(name) / "elsewhere"
        (base / "work" / "locked" / "deeper").mkdir(parents=True)
        elsewhere.mkdir()
        (base / "work" / "locked" / "deeper" / "file").touch()
        (base / "work" / "link").symlink_to(elsewhere)
        for path in [Path(name), *Path(name).rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        for path in (base / "work" / "locked" / "deeper", base / "work" / "locked", elsewhere):
            path.chmod(0o500)
        command = ["sh", "-c", remote("cleanup"), "marker", name, "exp-1", "proc-1", "1.1"]
        ran = subprocess.run(command, user="nobody", cwd="/", capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert list(Path(name).iterdir()) == [elsewhere]
        assert elsewhere.stat().st_mode & 0o777 == 0o500
