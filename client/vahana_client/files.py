"""Files of the user's machine: their digests, their way into the mesh and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import grpc

from vahana.experiment.v1 import data_pb2, experiment_pb2
from vahana_client.connection import Connection

CHUNK_BYTES = 1024 * 1024


class FileChangedError(Exception):
    """A file arrived with other bytes than were announced."""


def reference(path: Path) -> experiment_pb2.FileReference:
    """Reads a file and returns what names it in an experiment: name, digest and size."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return experiment_pb2.FileReference(sha256=digest.hexdigest(), file_name=path.name, size=size)


def upload(connection: Connection, path: Path, known: experiment_pb2.FileReference) -> bool:
    """Stores a file unless the mesh has it; returns whether it was sent."""
    if _stored(connection, known.sha256):
        return False
    connection.data.UploadFile(_parts(path, known))
    return True


def download(connection: Connection, experiment_id: str, output: str, target: Path) -> None:
    """Writes an output into a file. It appears whole and checked, or not at all."""
    parts = connection.data.DownloadOutput(data_pb2.DownloadOutputRequest(experiment_id=experiment_id, output=output))
    header = next(iter(parts)).header
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    digest = hashlib.sha256()
    try:
        with partial.open("wb") as file:
            for part in parts:
                digest.update(part.chunk)
                file.write(part.chunk)
        if digest.hexdigest() != header.sha256:
            raise FileChangedError(f"output {output} arrived with another digest than was announced; download it again")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def read_output(connection: Connection, experiment_id: str, output: str) -> Iterator[bytes]:
    """Yields the bytes of an output."""
    request = data_pb2.DownloadOutputRequest(experiment_id=experiment_id, output=output)
    for part in connection.data.DownloadOutput(request):
        if part.chunk:
            yield part.chunk


def _stored(connection: Connection, sha256: str) -> bool:
    try:
        connection.data.StatFile(data_pb2.StatFileRequest(sha256=sha256))
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return False
        raise
    return True


def _parts(path: Path, known: experiment_pb2.FileReference) -> Iterator[data_pb2.UploadFileRequest]:
    yield data_pb2.UploadFileRequest(
        header=data_pb2.FileHeader(sha256=known.sha256, size=known.size, file_name=known.file_name)
    )
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield data_pb2.UploadFileRequest(chunk=chunk)
