"""The executor of the bare flow, with tasks that do nothing: `python -m bench.sketch.executor BOOTSTRAP PREFIX DIR`."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.sketch.parts import batches, commit, consumer, database, producer, send
from bench.sketch.scheduler import COMPLETED, SCHEDULED

_TABLES = """
CREATE TABLE IF NOT EXISTS claim(id TEXT PRIMARY KEY, epoch INT, state INT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(n INTEGER PRIMARY KEY, key TEXT, body TEXT);
"""


def main(bootstrap: str, prefix: str, directory: str) -> None:
    """Accept tasks, commit, do nothing, and tell of it; for ever."""
    store = database(Path(directory) / "executor.db", _TABLES)
    source, out = consumer(bootstrap, prefix, "executor", ["tasks"]), producer(bootstrap)
    for batch in batches(source):
        store.execute("BEGIN IMMEDIATE")
        fresh = [
            event
            for _, event in batch
            if store.execute("INSERT OR IGNORE INTO claim VALUES(?, 1, 0)", (event["id"],)).rowcount
        ]
        store.execute("COMMIT")
        commit(source, batch)
        messages = [
            (f"{prefix}events", event["process"], {**event, "id": f"{event['id']}-{status}", "status": status})
            for event in fresh
            for status in (SCHEDULED, COMPLETED)
        ]
        store.execute("BEGIN IMMEDIATE")
        store.executemany("UPDATE claim SET state = 1 WHERE id = ?", [(event["id"],) for event in fresh])
        store.executemany("INSERT INTO outbox(key, body) VALUES(?, ?)", [(key, str(body)) for _, key, body in messages])
        store.execute("COMMIT")
        send(out, messages)
        store.execute("DELETE FROM outbox")


if __name__ == "__main__":
    main(*sys.argv[1:])
