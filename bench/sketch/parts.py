"""What the processes of the bare flow have in common: a database, a producer, a consumer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition

STEPS = 7
TOPICS = ("launch", "events", "tasks", "done")
PARTITIONS = 8

Event = dict[str, Any]


def database(path: Path, tables: str) -> sqlite3.Connection:
    """A database as durable as those of the mesh."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(tables)
    return connection


def producer(bootstrap: str) -> Producer:
    """A producer whose messages are acknowledged, each once."""
    return Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 0})


def consumer(bootstrap: str, prefix: str, group: str, topics: Sequence[str]) -> Consumer:
    """A consumer with manual commits."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": prefix + group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "group.protocol": "consumer",
        "fetch.wait.max.ms": 100,
    }
    made = Consumer(settings)
    made.subscribe([prefix + topic for topic in topics])
    return made


def batches(source: Consumer, most: int = 500) -> Iterator[list[tuple[Message, Event]]]:
    """One message waited for, and with it what has come already; to be committed by the caller."""
    while True:
        first = source.poll(0.2)
        if first is None:
            continue
        found = [first, *source.consume(most, 0)]
        yield [(each, json.loads(each.value() or b"")) for each in found if each.error() is None]


def commit(source: Consumer, batch: Sequence[tuple[Message, Event]]) -> None:
    """Record that a batch is handled."""
    offsets: dict[tuple[str, int], int] = {}
    for message, _ in batch:
        place = (message.topic() or "", message.partition() or 0)
        offsets[place] = max(offsets.get(place, 0), (message.offset() or 0) + 1)
    source.commit(offsets=[TopicPartition(*place, offset) for place, offset in offsets.items()], asynchronous=False)


def send(out: Producer, messages: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Publish (topic, key, content) and wait until all is acknowledged."""
    for topic, key, content in messages:
        out.produce(topic, key=key, value=json.dumps(content))
    out.flush()
