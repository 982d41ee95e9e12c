"""Use cases of bytes: uploads, downloads, and what executors read and write."""

from __future__ import annotations

from collections.abc import Iterator

from services.chassis.blobs.api import Blobs, StoredBlob
from services.chassis.clock import now_us
from services.chassis.db import Database
from services.chassis.errors import DigestMismatch, FieldViolation, InvalidFields, LimitExceeded, NotFound
from services.chassis.rpc.auth import Identity
from services.experiment.domain.records import Output
from services.experiment.handlers.access import Access
from services.experiment.handlers.history import readable_process
from services.experiment.storage import files, history
from vahana.experiment.v1 import data_pb2, process_pb2


class Files:
    """Moves bytes between callers and the store. A tenant sees a file only once the file's row is there."""

    def __init__(self, db: Database, access: Access, blobs: Blobs, limit: int) -> None:
        """Take no file larger than `limit` bytes."""
        self._db = db
        self._access = access
        self._blobs = blobs
        self._limit = limit

    def upload(self, who: Identity, parts: Iterator[data_pb2.UploadFileRequest]) -> data_pb2.UploadFileResponse:
        """Store what a user sends: a header, then chunks that must be as it announces."""
        first = next(parts, None)
        if first is None or first.WhichOneof("part") != "header":
            raise InvalidFields([FieldViolation("header", "is missing: the first message must hold it")])
        header = first.header
        if header.size > self._limit:
            raise LimitExceeded(f"a file of {header.size} bytes is over the limit of {self._limit} bytes")
        chunks = (_chunk(part) for part in parts)
        stored = self._blobs.put(who.tenant, chunks, sha256=header.sha256, size=header.size, limit=self._limit)
        self._own(who, stored)
        return data_pb2.UploadFileResponse(sha256=stored.sha256, size=stored.size)

    def stat(self, who: Identity, request: data_pb2.StatFileRequest) -> data_pb2.StatFileResponse:
        """The size of a file the tenant has."""
        return data_pb2.StatFileResponse(size=self._size(who.tenant, request.sha256))

    def download(
        self, who: Identity, request: data_pb2.DownloadOutputRequest
    ) -> Iterator[data_pb2.DownloadOutputResponse]:
        """An output of a process."""
        output = self._access.judged(who, lambda: self._output(who, request))
        chunks = self._blobs.open(who.tenant, output.sha256)
        header = data_pb2.FileHeader(sha256=output.sha256, size=output.size, file_name=output.file_name)
        yield data_pb2.DownloadOutputResponse(header=header)
        for chunk in chunks:
            yield data_pb2.DownloadOutputResponse(chunk=chunk)

    def _output(self, who: Identity, request: data_pb2.DownloadOutputRequest) -> Output:
        with self._db.read() as tx:
            process_id = readable_process(tx, self._access, who, request)
            output = history.find_output(tx, who.tenant, process_id, request.output)
        if output is None:
            raise NotFound("output", request.output)
        return output

    def read(self, who: Identity, request: process_pb2.ReadFileRequest) -> Iterator[process_pb2.ReadFileResponse]:
        """A file the tenant has, from an offset on."""
        size = self._size(who.tenant, request.sha256)
        if request.offset > size:
            raise InvalidFields([FieldViolation("offset", f"is beyond the end of the file, which has {size} bytes")])
        for chunk in self._blobs.open(who.tenant, request.sha256, request.offset):
            yield process_pb2.ReadFileResponse(chunk=chunk)

    def write(self, who: Identity, parts: Iterator[process_pb2.WriteFileRequest]) -> process_pb2.WriteFileResponse:
        """Store what an executor sends: chunks, then a trailer they must agree with."""
        trailer = data_pb2.FileHeader()

        def check(came: StoredBlob) -> None:
            if (came.sha256, came.size) != (trailer.sha256, trailer.size):
                raise DigestMismatch(
                    f"{came.size} bytes with the digest {came.sha256} came, "
                    f"where the trailer has {trailer.size} and {trailer.sha256}"
                )

        stored = self._blobs.put(who.tenant, _until_trailer(parts, trailer), limit=self._limit, check=check)
        self._own(who, stored)
        return process_pb2.WriteFileResponse(sha256=stored.sha256, size=stored.size)

    def _own(self, who: Identity, stored: StoredBlob) -> None:
        with self._db.write() as tx:
            files.put(tx, who.tenant, stored.sha256, stored.size, owner=who.subject, create_time=now_us())

    def _size(self, tenant: str, sha256: str) -> int:
        with self._db.read() as tx:
            size = files.sizes(tx, tenant, [sha256]).get(sha256)
        if size is None:
            raise NotFound("file", sha256)
        return size


def _chunk(part: data_pb2.UploadFileRequest) -> bytes:
    if part.WhichOneof("part") != "chunk":
        raise InvalidFields([FieldViolation("header", "came twice: only the first message may hold it")])
    return part.chunk


def _until_trailer(parts: Iterator[process_pb2.WriteFileRequest], trailer: data_pb2.FileHeader) -> Iterator[bytes]:
    for part in parts:
        if part.WhichOneof("part") == "trailer":
            trailer.CopyFrom(part.trailer)
            return
        yield part.chunk
    raise InvalidFields([FieldViolation("trailer", "is missing: the last message must hold it")])
