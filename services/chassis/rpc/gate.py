"""The first thing a call meets: its request id, its token, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import grpc
import structlog

from services.chassis import ids
from services.chassis.errors import LimitExceeded, NotAllowed, Refusal, TokenMissing
from services.chassis.rpc import health
from services.chassis.rpc.auth import (
    OPERATOR,
    REQUEST_ID_KEY,
    SERVICE,
    TENANT_KEY,
    Identity,
    Undecided,
    Verifier,
    require_role,
    set_caller,
    set_raw_token,
)
from services.chassis.rpc.errors import UnknownService
from services.chassis.rpc.guard import Guard, refuse, request_id
from services.chassis.rpc.scopes import require_scope

_BEARER = "bearer "
_REQUEST_ID_LENGTH = 100
_TENANT_LENGTH = 63
_OPEN = f"/{health.SERVICE}/"
_OPERATORS_ONLY = "/grpc.channelz."

Find: TypeAlias = "Callable[[str], grpc.RpcMethodHandler[Any, Any] | None]"


class Gate(grpc.GenericRpcHandler):
    """Lets a call through to the handler that `find` knows for its method, or answers it with a refusal.

    grpc.aio asks it within the task that then runs the handler, so what is put in context variables here holds there.
    """

    def __init__(
        self, find: Find, verifier: Verifier, guard: Guard, max_calls: int, left: Collection[str] = frozenset()
    ) -> None:
        """`left`: full names of the services that check tokens themselves."""
        self._find = find
        self._verifier = verifier
        self._guard = guard
        self._max_calls = max_calls
        self._left = left

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler to run, which may be one that only refuses."""
        asked = _Asked(details.method, dict(details.invocation_metadata or ()))
        request_id.set(asked.id)
        try:
            try:
                return self._admit(asked)
            except Undecided as undecided:
                self._require_room()
                return self._deciding(asked, undecided)
        except Refusal as refusal:
            return refusing(refusal)

    def _admit(self, asked: _Asked) -> grpc.RpcMethodHandler[Any, Any]:
        if asked.method.startswith(_OPEN):
            return self._handler(asked)
        token = _bearer(asked.metadata)
        if asked.service not in self._left:
            return self._enter(asked, self._verifier.verify(token))
        if not token:
            raise TokenMissing
        set_raw_token(token)
        structlog.contextvars.bind_contextvars(request_id=asked.id)
        self._require_room()
        return self._handler(asked)

    def _enter(self, asked: _Asked, identity: Identity) -> grpc.RpcMethodHandler[Any, Any]:
        identity = _in_tenant(identity, asked.metadata.get(TENANT_KEY, ""))
        set_caller(identity)
        structlog.contextvars.bind_contextvars(request_id=asked.id, tenant=identity.tenant)
        if asked.method.startswith(_OPERATORS_ONLY):
            require_role(OPERATOR)
        require_scope(identity, asked.method)
        self._require_room()
        return self._handler(asked)

    def _deciding(self, asked: _Asked, undecided: Undecided) -> grpc.RpcMethodHandler[Any, Any]:
        """A handler that waits for the caller's identity, then does what the method's own does, whatever its kind."""

        async def answer(_requests: Any, context: Any) -> None:
            async with self._guard.call(context, patient=True):
                handler = self._enter(asked, await undecided.decide(context))
            await _run(handler, context)

        return grpc.stream_stream_rpc_method_handler(answer)

    def _handler(self, asked: _Asked) -> grpc.RpcMethodHandler[Any, Any]:
        handler = self._find(asked.method)
        if handler is None:
            raise UnknownService(asked.method)
        return handler

    def _require_room(self) -> None:
        if self._guard.active >= self._max_calls:
            raise LimitExceeded(f"{self._max_calls} calls are under way here; call again later")


class _Asked:
    """What is known of a call before it is let in."""

    __slots__ = ("id", "metadata", "method")

    def __init__(self, method: str, metadata: Mapping[str, Any]) -> None:
        self.method = method
        self.metadata = metadata
        self.id = _request_id(metadata)

    @property
    def service(self) -> str:
        """Its full name."""
        return self.method[1:].partition("/")[0]


async def _run(handler: Any, context: Any) -> None:
    """Run a handler of calls.Call's kind, which takes and gives bytes, as one of streams both ways."""
    incoming = None if handler.request_streaming else await context.read()
    if incoming is grpc.aio.EOF:
        return
    if handler.response_streaming:
        await (handler.unary_stream or handler.stream_stream)(incoming, context)
    else:
        await context.write(await (handler.unary_unary or handler.stream_unary)(incoming, context))


def _bearer(metadata: Mapping[str, Any]) -> str:
    """The bearer token; empty where there is none."""
    authorization = metadata.get("authorization", "")
    if not isinstance(authorization, str) or authorization[: len(_BEARER)].lower() != _BEARER:
        return ""
    return authorization[len(_BEARER) :].strip()


def _in_tenant(identity: Identity, tenant: str) -> Identity:
    """The identity in the tenant that the call names, which only a service may where it is not its own."""
    if not tenant or tenant == identity.tenant:
        return identity
    if SERVICE not in identity.roles or len(tenant) > _TENANT_LENGTH:
        raise NotAllowed(f"only a service of the mesh may act in a tenant not its own, by {TENANT_KEY}")
    return replace(identity, tenant=tenant)


def refusing(refusal: Refusal) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler that answers with `refusal` before it has read anything, whatever kind of method was called."""

    async def answer(_requests: Any, context: Any) -> None:
        await refuse(context, refusal)

    return grpc.stream_stream_rpc_method_handler(answer)


def _request_id(metadata: Mapping[str, Any]) -> str:
    given = metadata.get(REQUEST_ID_KEY, "")
    usable = isinstance(given, str) and 0 < len(given) <= _REQUEST_ID_LENGTH and given.isprintable()
    return given if usable else ids.new_id("req")
