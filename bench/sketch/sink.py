"""The sink of the bare flow: `python -m bench.sketch.sink BOOTSTRAP PREFIX DIRECTORY`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.sketch.parts import batches, commit, consumer, database

_TABLES = "CREATE TABLE IF NOT EXISTS event(id TEXT PRIMARY KEY, process TEXT, body TEXT) WITHOUT ROWID;"


def main(bootstrap: str, prefix: str, directory: str) -> None:
    """Store every event; for ever."""
    store = database(Path(directory) / "sink.db", _TABLES)
    source = consumer(bootstrap, prefix, "sink", ["events"])
    for batch in batches(source):
        store.execute("BEGIN IMMEDIATE")
        rows = [(event["id"], event["process"], json.dumps(event)) for _, event in batch]
        store.executemany("INSERT OR IGNORE INTO event VALUES(?, ?, ?)", rows)
        store.execute("COMMIT")
        commit(source, batch)


if __name__ == "__main__":
    main(*sys.argv[1:])
