"""How fast a file goes into the mesh and comes out again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.figures import Figure
from bench.probe import Probe
from vahana_client.connection import Connection
from vahana_client.files import download, reference, upload

MEGABYTES = 64
_MEGABYTE = 1_000_000


def both_ways(connection: Connection, directory: Path, seed: int) -> Iterator[Figure]:
    """Upload, have an experiment make it its output, download. Digests are computed and compared on the way."""
    file = directory / "large.bin"
    random = Random(seed)
    with file.open("wb") as writing:
        for _ in range(MEGABYTES):
            writing.write(random.randbytes(_MEGABYTE))
    known = reference(file)
    began = time.monotonic()
    upload(connection, file, known)
    yield Figure("upload_mb_per_second", MEGABYTES / (time.monotonic() - began), "MB/s")
    probe = Probe(connection, file)
    probe.launch()
    probe.wait()
    began = time.monotonic()
    download(connection, probe.id, "copy", directory / "back")
    yield Figure("download_mb_per_second", MEGABYTES / (time.monotonic() - began), "MB/s")
