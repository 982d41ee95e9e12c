"""The bare flow of bench.sketch, started and driven."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.sketch.parts import PARTITIONS, TOPICS, consumer, producer
from vahana_client.mesh.kafka import LocalKafka

PREFIX = "sketch."
_SERVICES = ("scheduler", "executor", "sink")


class BareFlow:
    """See waves.Flow."""

    def __init__(self, bootstrap: str, pids: Sequence[int]) -> None:
        """Drive the processes that run on this broker; `pids` are theirs and the broker's."""
        self._out = producer(bootstrap)
        self._done = consumer(bootstrap, PREFIX, "driver", ["done"])
        self._pids = [*pids, os.getpid()]

    def launch(self, process: str) -> None:
        """See waves.Flow."""
        content = json.dumps({"id": f"launch-{process}", "process": process})
        self._out.produce(f"{PREFIX}launch", key=process, value=content)
        self._out.poll(0)

    def ended(self) -> Sequence[str]:
        """See waves.Flow."""
        first = self._done.poll(1.0)
        found = [] if first is None else [first, *self._done.consume(500, 0)]
        return [bytes(each.key() or b"").decode() for each in found if each.error() is None]

    def pids(self) -> Sequence[int]:
        """See waves.Flow."""
        return self._pids

    def close(self) -> None:
        """Give up connections."""
        self._done.close()


@contextmanager
def bare_flow(kafka: LocalKafka, kafka_pid: int, directory: Path) -> Iterator[BareFlow]:
    """The flow, its databases in `directory`; ended when left."""
    directory.mkdir()
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for made in admin.create_topics([NewTopic(PREFIX + topic, PARTITIONS, 1) for topic in TOPICS]).values():
        made.result()
    with ExitStack() as stack:
        running = [stack.enter_context(_service(name, kafka.bootstrap, directory)) for name in _SERVICES]
        flow = BareFlow(kafka.bootstrap, [kafka_pid, *(each.pid for each in running)])
        stack.callback(flow.close)
        yield flow


@contextmanager
def _service(name: str, bootstrap: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", f"bench.sketch.{name}", bootstrap, PREFIX, str(directory)]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
