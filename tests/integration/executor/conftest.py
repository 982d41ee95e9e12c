"""Fixtures over the helpers of support.py."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.executor.channels.api import Site
from services.executor.channels.ssh import SshChannels, SshOptions
from tests.integration.executor.support import Bench, KeyHolder, MemoryFiles, site_at
from tests.integration.executor.whole import Whole
from vahana_client.mesh.sshd import LocalSshd


@pytest.fixture(scope="session")
def key_holder(sshd: LocalSshd) -> KeyHolder:
    """The holder of a key that may log in."""
    holder = KeyHolder()
    sshd.authorize(holder.public_key("", ""))
    return holder


@pytest.fixture
def site(sshd: LocalSshd, key_holder: KeyHolder) -> Site:
    """The account of whoever runs the tests."""
    return site_at(sshd)


@pytest.fixture
def channels(key_holder: KeyHolder) -> Iterator[SshChannels]:
    """Channels of their own for every test."""
    made = SshChannels(key_holder, SshOptions(connect_seconds=3))
    yield made
    made.close()


@pytest.fixture
def files() -> MemoryFiles:
    """An empty store."""
    return MemoryFiles()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A scratch directory with a space and a quote in its name."""
    path = Path(tempfile.mkdtemp(prefix="vahana it's scratch "))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def bench(site: Site, channels: SshChannels, files: MemoryFiles, scratch: Path) -> Bench:
    """A process on the private SSH server."""
    return Bench(site, channels, files, scratch)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database of its own."""
    return f"sqlite:///{tmp_path / 'executor.db'}"


@pytest.fixture
def whole(url: str, bench: Bench) -> Iterator[Whole]:
    """An executor that runs; jobs that do not heed being told to end are killed after a second."""
    executor = Whole(url, bench, grace_seconds=1.0)
    yield executor
    executor.end()
