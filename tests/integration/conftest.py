"""A private SSH server for tests, started once a session and only when asked for."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vahana_client.mesh.sshd import LocalSshd, SshdError


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def sshd() -> Iterator[LocalSshd]:
    """An SSH server into which whoever runs the tests may log in, once a key is authorized."""
    home = Path(tempfile.mkdtemp(prefix="vahana-sshd-"))
    # The second level of a bash reads no rc files, which on some machines take longer than the tests.
    server = LocalSshd(home, free_port(), options={"SetEnv": "SHLVL=1"})
    try:
        server.start()
    except SshdError as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)
