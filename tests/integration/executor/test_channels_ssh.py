"""Channels on a real SSH server."""

import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from services.chassis.errors import Unavailable
from services.executor.channels.api import Site
from services.executor.channels.ssh import SshChannels, SshOptions
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.scripts import remote
from tests.integration.conftest import free_port
from tests.integration.executor.support import KeyHolder, site_at
from vahana_client.mesh.sshd import LocalSshd

ECHO = remote() + '\nfor each in "$@"; do printf \'%s\\0\' "$each"; done\ncat\necho said >&2\nexit 3\n'
OK = remote() + '\nfor each in "$@"; do printf \'%s\\0\' "$each"; done\ncat\n'


def test_runs_a_script_with_arguments_and_input(site: Site, channels: SshChannels) -> None:
    result = channels.channel(site, "proc-1").run(ECHO, ["a b", "c"], stdin=b"\x00\xff in")
    assert result.exit_code == 3
    assert result.stdout == b"a b\0c\0\x00\xff in"
    assert result.stderr == b"said\n"


HOSTILE = [
    "",
    " ",
    "a'b",
    'a"b',
    "$(touch canary)",
    "`touch canary`",
    "a\nb\n",
    "\t\r\x01\x7f",
    "-rf",
    "--",
    "*",
    "~",
    "!!",
    "\\",
    "a\\'b",
    "#SBATCH",
    ";touch canary;",
    "&& touch canary",
    "ünïcødé ☃ \u202e",
    "%s%n",
    "a" * 50_000,
]


def test_hostile_arguments_arrive_byte_for_byte(site: Site, channels: SshChannels) -> None:
    result = channels.channel(site, "proc-1").run(ECHO, HOSTILE)
    assert result.stdout.split(b"\0")[:-1] == [each.encode() for each in HOSTILE]
    assert not (Path.home() / "canary").exists()


@pytest.mark.parametrize("argument", ["a\0b", "x" * 130_000])
def test_what_no_command_line_carries_is_refused(site: Site, channels: SshChannels, argument: str) -> None:
    with pytest.raises(Failure) as failure:
        channels.channel(site, "proc-1").run(ECHO, [argument])
    assert not failure.value.retryable


def test_twenty_parallel_commands_share_one_connection(
    site: Site, channels: SshChannels, key_holder: KeyHolder
) -> None:
    channel = channels.channel(site, "proc-1")
    before = key_holder.signatures

    def one(number: int) -> None:
        for _ in range(3):
            data = secrets.token_bytes(20_000)
            assert channel.run(ECHO, [str(number)], stdin=data).stdout == str(number).encode() + b"\0" + data

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(20)))
    assert key_holder.signatures == before + 1


def test_output_is_bounded(site: Site, channels: SshChannels) -> None:
    result = channels.channel(site, "proc-1").run(remote() + "\nhead -c 3000000 /dev/zero\nexit 0\n")
    assert len(result.stdout) == 1024 * 1024
    assert result.exit_code == 0


def test_a_stream_talks_both_ways(site: Site, channels: SshChannels) -> None:
    script = remote() + "\necho need; cat | sha256sum; printf 'no end of line'\n"
    with channels.channel(site, "proc-1").open(script) as stream:
        assert stream.read_line() == "need"
        for _ in range(50):
            stream.write(b"x" * 100_000)
        stream.end_input()
        assert len(stream.read_line()) == 64 + 3
        assert stream.read(5) == b"no en"
        assert stream.finish().stdout == b"d of line"


def test_what_a_script_no_longer_reads_does_not_hide_its_answer(site: Site, channels: SshChannels) -> None:
    with channels.channel(site, "proc-1").open(remote() + "\necho No space left on device >&2; exit 1\n") as stream:
        for _ in range(100):
            stream.write(b"x" * 100_000)
        result = stream.finish()
    assert (result.exit_code, result.stderr) == (1, b"No space left on device\n")


def test_a_command_that_hangs_is_given_up_and_the_connection_with_it(site: Site, channels: SshChannels) -> None:
    channel = channels.channel(site, "proc-1")
    began = time.monotonic()
    with pytest.raises(Waiting) as waiting:
        channel.run(remote() + "\nexec sleep 60\n", seconds=0.5)
    assert waiting.value.condition is Condition.HOST_UNREACHABLE
    assert time.monotonic() - began < 5
    assert channel.run(ECHO, ["again"]).stdout == b"again\0"


def test_an_unreachable_port(site: Site, channels: SshChannels) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        there = Site(site.tenant, site.address, taken.getsockname()[1], site.login, site.credential_id, site.host_keys)
        with pytest.raises(Waiting) as waiting:
            channels.channel(there, "proc-1").run(ECHO)
    assert waiting.value.condition is Condition.HOST_UNREACHABLE
    assert "Connection refused" in waiting.value.reason


def test_a_host_that_accepts_and_says_nothing(site: Site, key_holder: KeyHolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        there = Site(site.tenant, site.address, mute.getsockname()[1], site.login, site.credential_id, site.host_keys)
        mine = SshChannels(key_holder, SshOptions(connect_seconds=0.5))
        with pytest.raises(Waiting) as waiting:
            mine.channel(there, "proc-1").run(ECHO)
    assert waiting.value.condition is Condition.HOST_UNREACHABLE


def test_queued_callers_share_the_news_of_an_unreachable_host(site: Site, key_holder: KeyHolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        there = Site(site.tenant, site.address, mute.getsockname()[1], site.login, site.credential_id, site.host_keys)
        mine = SshChannels(key_holder, SshOptions(connect_seconds=1))

        def one(_: int) -> Condition:
            with pytest.raises(Waiting) as waiting:
                mine.channel(there, "proc-1").run(ECHO)
            return waiting.value.condition

        began = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(one, range(6))) == {Condition.HOST_UNREACHABLE}
        assert time.monotonic() - began < 4


def test_a_refused_login(sshd: LocalSshd, site: Site, channels: SshChannels) -> None:
    from_elsewhere = type(channels._signer)()
    with pytest.raises(Waiting) as waiting:
        SshChannels(from_elsewhere).channel(site, "proc-1").run(ECHO)
    assert waiting.value.condition is Condition.LOGIN_REFUSED
    assert site.login in waiting.value.reason
    assert "SHA256:" in waiting.value.reason


def test_a_changed_host_key_names_both_fingerprints(sshd: LocalSshd, site: Site, channels: SshChannels) -> None:
    other = type(channels._signer)().public_key("", "")
    there = Site(site.tenant, site.address, site.port, site.login, site.credential_id, (other,))
    with pytest.raises(Failure) as failure:
        channels.channel(there, "proc-1").run(ECHO)
    assert failure.value.condition is Condition.HOST_KEY_MISMATCH
    assert not failure.value.retryable
    assert failure.value.reason.count("SHA256:") == 2


RSA = "ssh-rsa " + "AAAAB3NzaC1yc2EAAAADAQABAAABAQC7" + "A" * 340


@pytest.mark.parametrize("registered", [(), ("rubbish",), ("ssh-ed25519 AAAA",)])
def test_without_a_readable_host_key_nobody_is_contacted(
    site: Site, channels: SshChannels, key_holder: KeyHolder, registered: tuple[str, ...]
) -> None:
    before = key_holder.signatures
    there = Site(site.tenant, site.address, site.port, site.login, site.credential_id, registered)
    with pytest.raises(Failure) as failure:
        channels.channel(there, "proc-1").run(ECHO)
    assert failure.value.condition is Condition.HOST_KEY_MISMATCH
    assert key_holder.signatures == before


def test_a_signer_that_is_away_is_told_as_such(site: Site, channels: SshChannels, key_holder: KeyHolder) -> None:
    key_holder.fail = Unavailable("profile does not answer")
    try:
        with pytest.raises(Unavailable, match="profile does not answer"):
            channels.channel(site, "proc-1").run(ECHO)
    finally:
        key_holder.fail = None


def test_a_broken_connection_is_told_and_opened_again(sshd: LocalSshd, site: Site, channels: SshChannels) -> None:
    channel = channels.channel(site, "proc-1")
    assert channel.run(ECHO, ["1"]).exit_code == 3
    told: list[Waiting] = []

    def wait() -> None:
        with pytest.raises(Waiting) as waiting:
            channel.run(remote() + "\nexec sleep 60\n")
        told.append(waiting.value)

    thread = threading.Thread(target=wait)
    thread.start()
    session = _session_with(sshd, "sleep")
    session.kill()
    thread.join(10)
    assert told[0].condition is Condition.HOST_UNREACHABLE
    assert channel.run(ECHO, ["2"]).stdout == b"2\0"


def test_a_connection_that_broke_unnoticed_costs_nothing(sshd: LocalSshd, site: Site, channels: SshChannels) -> None:
    channel = channels.channel(site, "proc-1")
    assert channel.run(OK).exit_code == 0
    for session in psutil.Process(sshd.pid).children():
        session.kill()
    assert channel.run(ECHO, ["2"]).stdout == b"2\0"


def test_what_rc_files_print_is_cut_off(key_holder: KeyHolder, tmp_path: Path) -> None:
    noisy = 'echo hello; echo oh >&2; eval "$SSH_ORIGINAL_COMMAND"'
    with LocalSshd(tmp_path, free_port(), options={"ForceCommand": noisy}) as server:
        server.authorize(key_holder.public_key("", ""))
        mine = SshChannels(key_holder)
        result = mine.channel(site_at(server), "proc-1").run(ECHO, ["a"])
        mine.close()
    assert (result.stdout, result.stderr) == (b"a\0", b"said\n")


def test_a_server_that_allows_one_session_is_told_as_busy(key_holder: KeyHolder, tmp_path: Path) -> None:
    with LocalSshd(tmp_path, free_port(), options={"MaxSessions": "1", "SetEnv": "SHLVL=1"}) as server:
        server.authorize(key_holder.public_key("", ""))
        mine = SshChannels(key_holder, SshOptions(connect_seconds=1))
        channel = mine.channel(site_at(server), "proc-1")
        with channel.open(remote() + "\nexec cat\n") as first:
            with pytest.raises(Waiting, match="refuses another session"):
                channel.run(ECHO)
            first.write(b"on")
            assert first.finish().stdout == b"on"
        mine.close()


def _session_with(sshd: LocalSshd, program: str) -> psutil.Process:
    """Return the server process of the session that runs a program now."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for child in psutil.Process(sshd.pid).children(recursive=True):
            if child.name() == program:
                return next(each for each in child.parents() if each.name().startswith("sshd"))
        time.sleep(0.02)
    raise AssertionError(f"{program} does not run")
