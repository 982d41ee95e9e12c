"""The scheduler of the bare flow: `python -m bench.sketch.scheduler BOOTSTRAP PREFIX DIRECTORY`."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from bench.sketch.parts import STEPS, Event, batches, commit, consumer, database, producer, send

_TABLES = """
CREATE TABLE IF NOT EXISTS inbox(id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS task(process TEXT, seq INT, status INT, PRIMARY KEY(process, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(n INTEGER PRIMARY KEY, topic TEXT, key TEXT, body TEXT);
"""
SCHEDULED, COMPLETED = 1, 2


def main(bootstrap: str, prefix: str, directory: str) -> None:
    """Walk processes of sequential tasks, for ever."""
    store = database(Path(directory) / "scheduler.db", _TABLES)
    source, out = consumer(bootstrap, prefix, "scheduler", ["launch", "events"]), producer(bootstrap)
    for batch in batches(source):
        store.execute("BEGIN IMMEDIATE")
        messages: list[tuple[str, str, Event]] = []
        for _, event in batch:
            if store.execute("INSERT OR IGNORE INTO inbox VALUES(?)", (event["id"],)).rowcount:
                messages += _step(store, prefix, event)
        rows = [(topic, key, str(content)) for topic, key, content in messages]
        store.executemany("INSERT INTO outbox(topic, key, body) VALUES(?, ?, ?)", rows)
        store.execute("COMMIT")
        send(out, messages)
        store.execute("DELETE FROM outbox")
        commit(source, batch)


def _step(store: sqlite3.Connection, prefix: str, event: Event) -> list[tuple[str, str, Event]]:
    process, after = event["process"], 0
    if "seq" not in event:
        rows = [(process, seq) for seq in range(STEPS)]
        store.executemany("INSERT OR IGNORE INTO task VALUES(?, ?, 0)", rows)
    elif event["status"] != COMPLETED:
        return []
    else:
        _set(store, COMPLETED, process, event["seq"])
        after = event["seq"] + 1
    if after == STEPS:
        return [(f"{prefix}done", process, {"id": process, "process": process})]
    _set(store, SCHEDULED, process, after)
    return [(f"{prefix}tasks", process, {"id": f"{process}-{after}", "process": process, "seq": after})]


def _set(store: sqlite3.Connection, status: int, process: str, seq: int) -> None:
    change = "UPDATE task SET status = ? WHERE process = ? AND seq = ? AND status < ?"
    store.execute(change, (status, process, seq, status))


if __name__ == "__main__":
    main(*sys.argv[1:])
