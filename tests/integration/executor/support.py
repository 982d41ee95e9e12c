"""An account on the private SSH server, a store of files in memory, and contexts for tasks."""

import contextlib
import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.chassis import clock
from services.chassis.errors import DigestMismatch, NotFound
from services.executor.batch.fork import ForkJobs
from services.executor.channels.api import Site
from services.executor.channels.ssh import SshChannels
from services.executor.tasks.context import TaskContext
from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana_client.mesh.sshd import LocalSshd

TENANT = "default"


class KeyHolder:
    """Signs as profile would."""

    def __init__(self, private: bytes | None = None) -> None:
        generate, load = Ed25519PrivateKey.generate, Ed25519PrivateKey.from_private_bytes
        self._private = generate() if private is None else load(private)
        self.signatures = 0
        self.fail: Exception | None = None

    def public_key(self, tenant: str, credential_id: str) -> str:
        return self._private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def private(self) -> bytes:
        return self._private.private_bytes_raw()

    def sign(self, site: Site, challenge: bytes, algorithm: str, process_id: str) -> bytes:
        if self.fail is not None:
            raise self.fail
        self.signatures += 1
        blob = paramiko.Message()
        blob.add_string("ssh-ed25519")
        blob.add_string(self._private.sign(challenge))
        return blob.asbytes()


class MemoryFiles:
    """Stores files as the experiment service would."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.tamper: Callable[[bytes], bytes] = lambda data: data

    def add(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.files[digest] = data
        return digest

    def read(self, tenant: str, sha256: str) -> Iterator[bytes]:
        if sha256 not in self.files:
            raise NotFound("file", sha256)
        data = self.tamper(self.files[sha256])
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    def write(self, tenant: str, chunks: Iterator[bytes], sha256: str, size: int) -> None:
        data = b"".join(chunks)
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise DigestMismatch("the bytes differ from their digest")
        self.files[sha256] = data


def site_at(sshd: LocalSshd, host_key: str | None = None) -> Site:
    """Return the account of whoever runs the tests."""
    return Site(TENANT, "127.0.0.1", sshd.port, sshd.login, "cred-test", (host_key or sshd.host_key(),))


class Bench:
    """Makes the contexts of one process's tasks."""

    _numbers = itertools.count(1)

    def __init__(self, site: Site, channels: SshChannels, files: MemoryFiles, scratch: Path) -> None:
        self.site, self.channels, self.files, self.scratch = site, channels, files, scratch
        self.experiment, self.process = "exp-1", f"proc-{next(self._numbers)}"
        self.jobs: dict[str, task_pb2.Job] = {}
        self.epochs = itertools.count(1)

    @property
    def path(self) -> Path:
        return self.scratch / self.experiment / self.process

    def target(self) -> task_pb2.Target:
        site = self.site
        return task_pb2.Target(
            compute_resource="local",
            address=site.address,
            port=site.port,
            login=site.login,
            host_keys=site.host_keys,
            credential_id=site.credential_id,
            scratch=str(self.scratch),
            job_manager=task_pb2.JOB_MANAGER_FORK,
        )

    def dispatch(
        self, task_id: str, task_type: int, spec: task_pb2.TaskSpec, attempt: int = 1
    ) -> event_pb2.TaskDispatched:
        return event_pb2.TaskDispatched(
            experiment_id=self.experiment,
            process_id=self.process,
            task_id=task_id,
            attempt=attempt,
            type=state_pb2.TaskType.ValueType(task_type),
            spec=spec,
            target=self.target(),
            jobs=self.jobs,
        )

    def context(
        self, task_id: str, task_type: int, spec: task_pb2.TaskSpec, attempt: int = 1, **other: object
    ) -> TaskContext:
        given = {"others_live": lambda: False, "linger_ms": 1000, "jobs": ForkJobs(), **other}
        return TaskContext(
            tenant=TENANT,
            dispatch=self.dispatch(task_id, task_type, spec, attempt),
            epoch=next(self.epochs),
            channel=self.channels.channel(self.site, self.process),
            files=self.files,
            now_us=clock.now_us,
            **given,
        )

    def submission(self, *words: str, attempt: int = 1, **more: object) -> TaskContext:
        command = task_pb2.Command(arguments=words)
        spec = task_pb2.TaskSpec(job_submission=task_pb2.JobSubmission(command=command, **more))
        return self.context("submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, spec, attempt)

    def make_directories(self) -> None:
        for name in ("inputs", "work", "jobs"):
            (self.path / name).mkdir(parents=True)


def cut_off(sshd: LocalSshd) -> None:
    """End the server with all its connections; stopped first, so that nobody comes back in between."""
    server = psutil.Process(sshd.pid)
    server.suspend()
    for process in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name().startswith("sshd"):
                process.kill()
    server.kill()
    sshd.stop()


def session(job_id: str) -> list[psutil.Process]:
    """The living processes of a job, in whatever groups they are."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) == int(job_id) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    event = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        event.wait(0.02)
    raise AssertionError("the condition did not come true in time")
