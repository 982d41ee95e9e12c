"""gRPC out: files are kept by the experiment service, private keys by profile, compute resources by registry."""

import threading
from collections.abc import Iterator

import grpc

from services.chassis.rpc.client import call_metadata, translate
from services.executor.channels.api import Site
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import data_pb2, process_pb2, process_pb2_grpc
from vahana.profile.v1 import credential_pb2, credential_pb2_grpc
from vahana.registry.v1 import compute_resource_pb2, compute_resource_pb2_grpc

_STREAM_SECONDS = 24 * 3600.0
"""A file may be long in coming; a silent peer is noticed by keepalive."""


class Files:
    """The mesh's store of files. All raise errors.Unavailable."""

    def __init__(self, channel: grpc.Channel) -> None:
        """`channel` leads to the experiment service."""
        self._stub = process_pb2_grpc.ProcessServiceStub(channel)

    def read(self, tenant: str, sha256: str) -> Iterator[bytes]:
        """Yield the bytes of a stored file. errors.NotFound."""
        request = process_pb2.ReadFileRequest(sha256=sha256)
        with translate("experiment"):
            for part in self._stub.ReadFile(request, metadata=tuple(call_metadata(tenant)), timeout=_STREAM_SECONDS):
                yield part.chunk

    def write(self, tenant: str, chunks: Iterator[bytes], sha256: str, size: int) -> None:
        """Store a file whose digest and size are known. errors.DigestMismatch and errors.LimitExceeded.

        What `chunks` raises is raised here too, and nothing is stored.
        """
        parts = _Parts(chunks, data_pb2.FileHeader(sha256=sha256, size=size))
        try:
            with translate("experiment"):
                self._stub.WriteFile(iter(parts), metadata=tuple(call_metadata(tenant)), timeout=_STREAM_SECONDS)
        except Exception:
            if parts.error is not None:
                raise parts.error from None
            raise


class _Parts:
    """The requests of an upload. gRPC iterates over them on a thread of its own and tells nobody what went wrong."""

    def __init__(self, chunks: Iterator[bytes], trailer: data_pb2.FileHeader) -> None:
        self._chunks, self._trailer = chunks, trailer
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[process_pb2.WriteFileRequest]:
        try:
            for chunk in self._chunks:
                yield process_pb2.WriteFileRequest(chunk=chunk)
        except Exception as error:
            self.error = error
            raise
        yield process_pb2.WriteFileRequest(trailer=self._trailer)


class ComputeResources:
    """The compute resources that are registered."""

    def __init__(self, channel: grpc.Channel) -> None:
        """`channel` leads to the registry service."""
        self._stub = compute_resource_pb2_grpc.ComputeResourceServiceStub(channel)

    def find(self, tenant: str, name: str) -> tuple[task_pb2.Target, list[str]]:
        """Return where a compute resource is, and the names of its queues. errors.NotFound and errors.Unavailable."""
        request = compute_resource_pb2.GetComputeResourceRequest(name=name)
        with translate("registry"):
            answer = self._stub.GetComputeResource(request, metadata=tuple(call_metadata(tenant)))
        found = answer.compute_resource
        target = task_pb2.Target(
            compute_resource=found.name,
            address=found.address,
            port=found.port,
            login=found.login,
            host_keys=found.host_keys,
            credential_id=found.credential_id,
            scratch=found.scratch,
            job_manager=found.job_manager,
        )
        return target, [queue.name for queue in found.batch_queues]


class Credentials:
    """Implements channels.ssh's Signer: profile holds the keys."""

    def __init__(self, channel: grpc.Channel) -> None:
        """`channel` leads to the profile service."""
        self._stub = credential_pb2_grpc.SigningServiceStub(channel)
        self._lock = threading.Lock()
        self._public: dict[tuple[str, str], str] = {}

    def public_key(self, tenant: str, credential_id: str) -> str:
        """See Signer. A credential's key never changes, so it is asked for once."""
        with self._lock:
            known = self._public.get((tenant, credential_id))
        if known is None:
            request = credential_pb2.GetPublicKeyRequest(credential_id=credential_id)
            with translate("profile"):
                known = self._stub.GetPublicKey(request, metadata=tuple(call_metadata(tenant))).public_key
            with self._lock:
                self._public[tenant, credential_id] = known
        return known

    def sign(self, site: Site, challenge: bytes, algorithm: str, process_id: str) -> bytes:
        """See Signer."""
        request = credential_pb2.SignSshChallengeRequest(
            credential_id=site.credential_id,
            host=f"{site.address}:{site.port}",
            login=site.login,
            challenge=challenge,
            algorithm=algorithm,
            process_id=process_id,
        )
        with translate("profile"):
            return self._stub.SignSshChallenge(request, metadata=tuple(call_metadata(site.tenant))).signature
