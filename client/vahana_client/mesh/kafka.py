"""A real Apache Kafka on loopback: one KRaft node, run from jars that Maven fetches once into a cache."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from vahana_client.mesh.kafka_cache import KafkaError, KafkaJars
from vahana_client.mesh.ports import is_free

_STOP_SECONDS = 15.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
# One node: nothing to copy to.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A killed consumer's successor reads after 4.5 s, where the defaults would make it 45.
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=3000
group.consumer.session.timeout.ms=4500
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
# A killed broker may come back after 2 s, where it would be held for a double of itself for 9.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class LocalKafka:
    """A broker with its state in `{home}/kafka`.

    `prepare()` once, then either `start()` and `stop()` it, or run `command()` under a supervisor. Failures are
    KafkaError, with what to do about them.
    """

    def __init__(self, home: Path, port: int, controller_port: int, java: str = "java") -> None:
        """Take two free ports of loopback; `java` is a Java 17 or later."""
        self.bootstrap = f"127.0.0.1:{port}"
        self._state = home.absolute() / "kafka"
        self._port, self._controller_port = port, controller_port
        self._jars = KafkaJars(java)
        self._process: subprocess.Popen[bytes] | None = None

    def ensure_jars(self, cache_dir: Path | None = None) -> None:
        """Fetch the jars into the cache where they are missing: half a minute, once. Several may call it at once."""
        self._jars = KafkaJars(self._jars.java, cache_dir)
        self._jars.ensure()

    def prepare(self) -> None:
        """Fetch what is missing, write the configuration, and format the storage where it is new."""
        self._jars.ensure()
        self._archive_classes()
        self._prepare_storage()

    def _prepare_storage(self) -> None:
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._configuration(self._data)
        if not self._data.exists():
            self._format()

    def command(self, *options: str) -> list[str]:
        """Return the command of the broker, which stays in the foreground and ends on SIGTERM; options are Java's."""
        return [*self._jars.command(*options), "kafka.Kafka", str(self._state / "server.properties")]

    def environment(self) -> dict[str, str]:
        """Return the variables `command()` needs beside those of this process: none."""
        return {}

    @property
    def pid(self) -> int:
        """The broker's process id; 0 while it does not run as a child."""
        return self._process.pid if self._process is not None else 0

    def start(self, *options: str, ready_seconds: float = 60.0) -> None:
        """Start the broker as a child process, its output in `{home}/kafka/broker.log`, and wait until it answers."""
        for port in (self._port, self._controller_port):
            if not is_free(port):
                raise KafkaError(f"port {port} of 127.0.0.1, meant for Kafka, is in use by another program")
        with (self._state / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(
                self.command(*options), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + ready_seconds
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = (self._state / "broker.log").read_text(errors="replace").splitlines()
                raise KafkaError("Kafka did not start; the end of its log:\n" + "\n".join(log[-15:]))

    def answers(self, seconds: float = 0.5) -> bool:
        """Say whether the broker answers a request for metadata."""
        client = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 100, "log_level": 0})
        try:
            client.list_topics(timeout=seconds)
        except KafkaException:
            return False
        return True

    def stop(self) -> None:
        """End the broker by SIGTERM, and by SIGKILL where that does not help."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End the broker by SIGKILL: an outage for tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """End the broker and make it one that has never held anything: the loss of all its disks, for tests."""
        self.kill()
        shutil.rmtree(self._data)
        self._format()

    def _archive_classes(self) -> None:
        """Run a broker once, in a directory of its own, to archive the classes it loads for faster starts."""
        if self._jars.archive.exists():
            return
        with self._jars.lock(), tempfile.TemporaryDirectory(prefix="train-", dir=self._jars.cache) as directory:
            if self._jars.archive.exists():
                return
            trainer = LocalKafka(Path(directory), *_free_ports(), self._jars.java)
            trainer._jars = self._jars
            trainer._prepare_storage()
            fresh = Path(directory) / "classes.jsa"
            trainer.start(f"-XX:ArchiveClassesAtExit={fresh}")
            trainer.stop()
            fresh.touch()
            fresh.rename(self._jars.archive)

    @property
    def _data(self) -> Path:
        return self._state / "data"

    def _configuration(self, data: Path) -> Path:
        path = self._state / "server.properties"
        text = _PROPERTIES.format(port=self._port, controller_port=self._controller_port, data=data)
        path.write_text(text)
        return path

    def _format(self) -> None:
        """Format beside its place and rename, so that an interrupted run leaves nothing half formatted."""
        fresh = self._state / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._configuration(fresh))]
        done = subprocess.run([*self._jars.command(), *tool], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KafkaError(f"Kafka's storage could not be formatted: {(done.stderr or done.stdout).strip()}")
        self._configuration(self._data)
        fresh.rename(self._data)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
