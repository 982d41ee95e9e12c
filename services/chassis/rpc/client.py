"""Blocking gRPC calls to the other services of the mesh."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from services.chassis import ids
from services.chassis.errors import TokenInvalid, TokenMissing, Unavailable
from services.chassis.rpc import connections
from services.chassis.rpc.auth import REQUEST_ID_KEY, TENANT_KEY
from services.chassis.rpc.errors import from_error
from services.chassis.rpc.guard import request_id

UNARY_SECONDS = 20.0
"""How long a call to a peer may take, retries included, unless its `timeout` says otherwise."""
STREAM_SECONDS = 600.0
"""The same for a call that streams either way."""
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


def channel(address: str, token_file: Path, *, service: str) -> grpc.Channel:
    """A channel to the peer `service` (its short name, for messages) at `address`; it connects with the first call.

    Every call carries the token in `token_file` (read again when the file changes), the present request id, and a
    deadline. Share one channel a peer for the life of the process.
    """
    options = connections.channel_options(_MAX_MESSAGE_BYTES)
    return grpc.intercept_channel(connections.connect(address, options), _Courtesy(_Token(token_file, service)))


def call_metadata(tenant: str) -> list[tuple[str, str]]:
    """Metadata with which a service acts in `tenant`."""
    return [(TENANT_KEY, tenant)]


@contextlib.contextmanager
def translate(service: str = "a peer") -> Iterator[None]:
    """Turn the errors of calls made in the block into errors.*; iterate streams inside of it too.

    What the peer refused is raised as the same refusal here. A peer that cannot be reached, does not answer in time or
    does not accept our token is Unavailable. Anything else is a defect and stays a grpc.RpcError.
    """
    try:
        yield
    except grpc.RpcError as error:
        refusal = from_error(error)
        if isinstance(refusal, TokenInvalid | TokenMissing):
            raise Unavailable(f"{service} does not accept this service's token") from error
        if refusal is not None:
            raise refusal from error
        if error.code() in _AWAY:
            raise Unavailable(f"{service} does not answer: {error.details()}") from error
        raise


class _Token:
    """The token in a file, read again when the file changes."""

    def __init__(self, file: Path, service: str) -> None:
        self._file = file
        self._service = service
        self._read: tuple[int, str] = (-1, "")

    def get(self) -> str:
        try:
            stamp = self._file.stat().st_mtime_ns
            if stamp != self._read[0]:
                self._read = (stamp, self._file.read_text("ascii").strip())
        except OSError as error:
            raise Unavailable(f"no token to call {self._service} with: {error}") from error
        return self._read[1]


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: list[tuple[str, str | bytes]]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Courtesy(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds what every call between services carries."""

    def __init__(self, token: _Token) -> None:
        self._token = token

    def intercept_unary_unary(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        return proceed(self._with(details, UNARY_SECONDS), request)

    def intercept_unary_stream(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        return proceed(self._with(details, STREAM_SECONDS), request)

    def intercept_stream_unary(self, proceed: Callable[..., Any], details: Any, request_iterator: Any) -> Any:
        return proceed(self._with(details, STREAM_SECONDS), request_iterator)

    def intercept_stream_stream(self, proceed: Callable[..., Any], details: Any, request_iterator: Any) -> Any:
        return proceed(self._with(details, STREAM_SECONDS), request_iterator)

    def _with(self, details: Any, seconds: float) -> _Details:
        added = [
            ("authorization", f"Bearer {self._token.get()}"),
            (REQUEST_ID_KEY, request_id.get() or ids.new_id("req")),
        ]
        return _Details(
            details.method,
            seconds if details.timeout is None else details.timeout,
            [*(details.metadata or ()), *added],
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
