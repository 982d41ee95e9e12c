"""The private SSH server: for root, for root with a locked password, and for a plain user."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vahana_client.mesh.sshd as module
from vahana_client.mesh.sshd import LocalSshd, SshdError

# Starts a server as whoever runs it and logs in with a real client; needs nothing but the module itself.
LOGIN = """
import importlib.util, pathlib, socket, subprocess, sys
spec = importlib.util.spec_from_file_location("sshd", sys.argv[1])
sshd = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sshd)
home = pathlib.Path(sys.argv[2])
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
with sshd.LocalSshd(home, port) as server:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "key"], check=True)
    server.authorize((home / "key.pub").read_text())
    (home / "known").write_text(f"[127.0.0.1]:{port} {server.host_key()}\\n")
    login = ["ssh", "-F", "none", "-i", "key", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
             "-o", "UserKnownHostsFile=known", "-p", str(port), f"{server.login}@127.0.0.1", "echo in"]
    print(subprocess.run(login, capture_output=True, text=True, cwd=home))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The module and its template, laid out as a wheel installs them, for anybody to read."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.owner() == pwd.getpwuid(os.getuid()).pw_name and directory != Path("/"):
            directory.chmod(0o755)
    package = tmp_path / "package"
    (package / "dev" / "sshd").mkdir(parents=True)
    shutil.copy(Path(module.__file__), package / "sshd.py")
    template = Path(module.__file__).parents[3] / "deploy/dev/sshd/sshd_config.template"
    shutil.copy(template, package / "dev" / "sshd")
    return package / "sshd.py"


def home(tmp_path: Path) -> Path:
    path = tmp_path / "100% home"
    path.mkdir()
    return path


def answer(command: list[object]) -> str:
    said = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, timeout=60)
    return said.stdout + said.stderr


def test_who_starts_it_may_log_in(installed: Path, tmp_path: Path) -> None:
    assert "stdout='in\\n'" in answer([sys.executable, "-c", LOGIN, installed, home(tmp_path)])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_plain_user_may_log_in(installed: Path, tmp_path: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    users = [user for user in pwd.getpwall() if user.pw_uid > 0 and user.pw_shell.endswith(("/bash", "/sh"))]
    if python is None or not users:
        pytest.skip("needs a system's Python and an account with a shell")
    place = home(tmp_path)
    os.chown(place, users[0].pw_uid, -1)
    said = answer(["runuser", "-u", users[0].pw_name, "--", python, "-c", LOGIN, installed, place])
    assert "stdout='in\\n'" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give one process another /etc/shadow")
def test_root_with_a_locked_password_may_log_in(installed: Path, tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    lines = Path("/etc/shadow").read_text().splitlines()
    locked = ["root:!:" + line.split(":", 2)[2] if line.startswith("root:") else line for line in lines]
    shadow.touch(mode=0o600)
    shadow.write_text("\n".join(locked) + "\n")
    script = 'mount --bind "$0" /etc/shadow && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, shadow, sys.executable, "-c", LOGIN, installed, home(tmp_path)]
    said = answer(command)
    if "unshare" in said or "mount:" in said:
        pytest.skip(f"no mount namespaces here: {said.strip()}")
    assert "stdout='in\\n'" in said


def test_keys_survive_a_restart_and_keys_are_authorized_once(sshd: LocalSshd, tmp_path: Path) -> None:
    server = LocalSshd(tmp_path, 1)
    server.prepare()
    key = server.host_key()
    server.authorize("ssh-ed25519 AAAAone comment")
    server.authorize("ssh-ed25519 AAAAone")
    server.authorize("ssh-ed25519 AAAAtwo")
    LocalSshd(tmp_path, 1).prepare()
    assert server.host_key() == key
    authorized = server.directory / "authorized_keys"
    assert authorized.read_text() == "ssh-ed25519 AAAAone\nssh-ed25519 AAAAtwo\n"
    assert authorized.stat().st_mode & 0o777 == 0o600
    assert server.directory.stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_says_why(sshd: LocalSshd, tmp_path: Path) -> None:
    with pytest.raises(SshdError, match="unsupported option"):
        LocalSshd(tmp_path, sshd.port + 1, options={"AddressFamily": "nonsense"}).start()
