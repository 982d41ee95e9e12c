"""Scripts share sessions, so that what a login costs is paid once; none of them meets what another left."""

import contextlib
import os
import pwd
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from services.executor.channels.ssh import SshChannels
from services.executor.channels.ssh.pool import SshChannel
from services.executor.scripts import remote
from tests.integration.conftest import free_port
from tests.integration.executor.support import KeyHolder, site_at
from vahana_client.mesh.sshd import LocalSshd

COPY = remote() + "\ncat\n"
FAIL = remote() + "\nexit 3\n"


class Account:
    """An account whose logins are counted."""

    def __init__(self, server: LocalSshd, channel: SshChannel, logins: Path) -> None:
        self.server, self.channel, self._logins = server, channel, logins

    def logins(self) -> int:
        return len(self._logins.read_text().splitlines())

    def end_logins(self) -> None:
        """Kills all that runs in the server's sessions, its own processes aside."""
        for each in psutil.Process(self.server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if not each.name().startswith("sshd"):
                    each.kill()


@pytest.fixture
def account(key_holder: KeyHolder, tmp_path: Path) -> Iterator[Account]:
    logins = tmp_path / "logins"
    noted = f'echo login >> {logins}; echo hello; echo oh >&2; eval "$SSH_ORIGINAL_COMMAND"'
    with LocalSshd(tmp_path, free_port(), options={"ForceCommand": noted, "SetEnv": "SHLVL=1"}) as server:
        server.authorize(key_holder.public_key("", ""))
        channels = SshChannels(key_holder)
        yield Account(server, channels.channel(site_at(server), "proc-1"), logins)
        channels.close()


def test_one_login_serves_many_scripts(account: Account) -> None:
    for size in (0, 1, 70_000, 0, 3_000_000):
        data = secrets.token_bytes(size)
        assert account.channel.run(remote() + "\nhead -c 900000\necho said >&2\n", stdin=data).stdout == data[:900_000]
    with account.channel.open(remote() + "\necho need; sha256sum\n", input_bytes=5) as stream:
        assert stream.read_line() == "need"
        stream.write(b"bytes")
        assert stream.read_line().endswith("  -")
        assert stream.finish().exit_code == 0
    assert account.channel.run(COPY, stdin=b"last").stdout == b"last"
    assert account.logins() == 1


def test_a_script_changes_nothing_for_the_next(account: Account) -> None:
    assert account.channel.run(remote() + "\ncd /; umask 000; x=1; export x; set -f; exec 9>&1\n").exit_code == 0
    result = account.channel.run(remote() + '\npwd; umask; echo "x=${x-}"\n')
    assert result.lines == [pwd.getpwuid(os.getuid()).pw_dir, "0077", "x="]
    assert account.logins() == 1


def test_after_a_failure_the_login_is_made_anew(account: Account) -> None:
    assert [account.channel.run(FAIL).exit_code for _ in range(2)] == [3, 3]
    assert account.logins() == 2


def test_input_nobody_read_is_never_taken_for_a_command(account: Account, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    evil = f"touch {canary}\n".encode() * 50_000
    with account.channel.open(remote() + "\necho have\n", input_bytes=len(evil)) as stream:
        assert stream.read_line() == "have"
        stream.write(evil)
        assert stream.finish().exit_code == 0
    with account.channel.open(remote() + "\nexit 0\n", input_bytes=0) as stream:
        stream.write(evil)
        assert stream.finish().exit_code == 0
    assert account.channel.run(COPY, stdin=b"next").stdout == b"next"
    assert not canary.exists()


def test_input_that_was_not_needed_is_not_waited_for(account: Account) -> None:
    with account.channel.open(remote() + "\necho have\n", input_bytes=1000) as stream:
        assert stream.read_line() == "have"
        assert stream.finish().exit_code == 0
    assert account.channel.run(COPY, stdin=b"next").stdout == b"next"


def test_input_that_stops_short_ends(account: Account) -> None:
    with account.channel.open(COPY, input_bytes=1000) as stream:
        stream.write(b"short")
        stream.end_input()
        assert stream.finish().stdout == b"short"
    assert account.channel.run(COPY, stdin=b"next").stdout == b"next"


def test_a_script_abandoned_halfway_leaves_nothing_to_the_next(account: Account) -> None:
    with account.channel.open(remote() + "\nhead -c 5000000 /dev/zero\n", input_bytes=0) as stream:
        assert stream.read(10) == bytes(10)
    assert account.channel.run(COPY, stdin=b"next").stdout == b"next"


def test_a_session_that_ended_unnoticed_costs_nothing(account: Account) -> None:
    assert account.channel.run(COPY, stdin=b"1").stdout == b"1"
    account.end_logins()
    assert account.channel.run(COPY, stdin=b"2").stdout == b"2"
    assert account.logins() == 2


def test_as_many_logins_as_scripts_at_once(account: Account) -> None:
    together = threading.Barrier(3)

    def one() -> None:
        for _ in range(3):
            with account.channel.open(remote() + "\necho here; cat\n", input_bytes=1) as stream:
                assert stream.read_line() == "here"
                together.wait(20)
                stream.write(b"x")
                assert stream.finish().stdout == b"x"

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert account.logins() == 3
