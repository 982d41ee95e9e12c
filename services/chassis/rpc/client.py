"""Blocking gRPC calls to the other services of the mesh."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc

from services.chassis import ids, log
from services.chassis.errors import TokenInvalid, TokenMissing, Unavailable
from services.chassis.rpc import connections
from services.chassis.rpc.access import Token
from services.chassis.rpc.auth import REQUEST_ID_KEY, TENANT_KEY
from services.chassis.rpc.errors import from_error
from services.chassis.rpc.guard import request_id
from services.chassis.rpc.tls import PLAIN, Tls

UNARY_SECONDS = 20.0
"""How long a call to a peer may take, retries included, unless its `timeout` says otherwise."""
STREAM_SECONDS = 600.0
"""The same for a call that streams either way."""
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_log = log.get(__name__)
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


def channel(address: str, token: Token, *, service: str, tls: Tls = PLAIN) -> grpc.Channel:
    """A channel to the peer `service` (its short name, for messages) at `address`; it connects with the first call.

    Every call carries the token, the present request id, and a deadline. Share one channel a peer for the life of the
    process.
    """
    return grpc.intercept_channel(bare_channel(address, tls), _Courtesy(token, service))


def bare_channel(address: str, tls: Tls = PLAIN) -> grpc.Channel:
    """A channel whose calls carry nothing of their own."""
    return connections.connect(address, connections.channel_options(_MAX_MESSAGE_BYTES), tls)


def call_metadata(tenant: str) -> list[tuple[str, str]]:
    """Metadata with which a service acts in `tenant`."""
    return [(TENANT_KEY, tenant)]


@contextlib.contextmanager
def translate(service: str = "a peer") -> Iterator[None]:
    """Turn the errors of calls made in the block into errors.*; iterate streams inside of it too.

    What the peer refused is raised as the same refusal here. A peer that cannot be reached, does not answer in time,
    does not accept our token or is of a version without the method is Unavailable. Anything else is a defect and stays
    a grpc.RpcError.
    """
    try:
        yield
    except grpc.RpcError as error:
        refusal = from_error(error)
        if isinstance(refusal, TokenInvalid | TokenMissing):
            raise Unavailable(f"{service} does not accept this service's token") from error
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise Unavailable(f"{service} is of another version and cannot answer this: {error.details()}") from error
        if refusal is not None:
            raise refusal from error
        if error.code() in _AWAY:
            # Where a peer is to be found is for the log: what is raised here may reach whoever called this service.
            _log.warning("a peer does not answer", peer=service, details=error.details())
            raise Unavailable(f"{service} does not answer") from error
        raise


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

    def __init__(self, token: Token, service: str) -> None:
        self._token = token
        self._service = service

    def intercept_unary_unary(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        return self._call(proceed, details, request, UNARY_SECONDS)

    def intercept_unary_stream(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        return self._call(proceed, details, request, STREAM_SECONDS)

    def intercept_stream_unary(self, proceed: Callable[..., Any], details: Any, request_iterator: Any) -> Any:
        return self._call(proceed, details, request_iterator, STREAM_SECONDS)

    def intercept_stream_stream(self, proceed: Callable[..., Any], details: Any, request_iterator: Any) -> Any:
        return self._call(proceed, details, request_iterator, STREAM_SECONDS)

    def _call(self, proceed: Callable[..., Any], details: Any, request: Any, seconds: float) -> Any:
        try:
            token = self._token.get()
        except Unavailable as refusal:
            raise Unavailable(f"{self._service} cannot be called: {refusal.message}") from refusal
        call = proceed(_with(details, seconds, token), request)
        call.add_done_callback(lambda ended: self._ended(ended, token))
        return call

    def _ended(self, call: Any, token: str) -> None:
        if call.code() is grpc.StatusCode.UNAUTHENTICATED:
            self._token.refused(token)


def _with(details: Any, seconds: float, token: str) -> _Details:
    added = [("authorization", f"Bearer {token}"), (REQUEST_ID_KEY, request_id.get() or ids.new_id("req"))]
    return _Details(
        details.method,
        seconds if details.timeout is None else details.timeout,
        [*(details.metadata or ()), *added],
        details.credentials,
        details.wait_for_ready,
        details.compression,
    )
