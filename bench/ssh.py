"""What a command on a host costs over a kept connection, here and with OpenSSH."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bench.figures import Figure, Peer, median
from services.executor import scripts
from services.executor.channels.api import Site
from services.executor.channels.ssh import SshChannels
from vahana_client.mesh.ports import choose_ports
from vahana_client.mesh.sshd import LocalSshd

COMMANDS = 60
PEER_COMMANDS = 20


def commands(directory: Path) -> Iterator[Figure]:
    """The shortest script over the executor's channel, and `true` over a ControlMaster."""
    key = _Key()
    port = choose_ports({}, {}, free=True)["sshd"]
    with LocalSshd(directory, port) as server:
        server.authorize(key.public_key("", ""))
        channels = SshChannels(key)
        site = Site("default", "127.0.0.1", server.port, server.login, "bench", (server.host_key(),))
        channel = channels.channel(site, "bench")
        ours = _median_ms(lambda: channel.run(scripts.remote()), COMMANDS)
        channels.close()
        peer = _openssh(server, directory, key)
    yield Figure("ssh_command_p50_ms", ours, "ms", peer=Peer("OpenSSH ControlMaster", peer))


class _Key:
    """A private key that is at hand."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()

    def public_key(self, tenant: str, credential_id: str) -> str:
        return self._private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def sign(self, site: Site, challenge: bytes, algorithm: str, process_id: str) -> bytes:
        blob = paramiko.Message()
        blob.add_string("ssh-ed25519")
        blob.add_string(self._private.sign(challenge))
        return blob.asbytes()

    def write(self, file: Path) -> None:
        file.touch(mode=0o600)
        file.write_bytes(self._private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def _openssh(server: LocalSshd, directory: Path, key: _Key) -> float:
    identity, known, control = directory / "key", directory / "known_hosts", directory / "control"
    key.write(identity)
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key()}\n")
    files = [f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=/dev/null", f"ControlPath={control}"]
    base = ["ssh", "-F", "none", "-i", str(identity), "-p", str(server.port)]
    base += [word for option in (*files, "BatchMode=yes") for word in ("-o", option)]
    there = f"{server.login}@127.0.0.1"
    subprocess.run([*base, "-MNf", there], check=True, timeout=20)
    try:
        return _median_ms(lambda: subprocess.run([*base, there, "true"], check=True, timeout=20), PEER_COMMANDS)
    finally:
        subprocess.run([*base, "-O", "exit", there], check=True, timeout=20, capture_output=True)


def _median_ms(do: Callable[[], object], times: int) -> float:
    """The first time opens what is kept, and is not counted."""
    do()
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)
