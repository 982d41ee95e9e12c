"""The first thing a call meets: its request id, its token, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import grpc
import structlog

from services.chassis import ids
from services.chassis.errors import LimitExceeded, NotAllowed, Refusal
from services.chassis.rpc import health
from services.chassis.rpc.auth import (
    OPERATOR,
    REQUEST_ID_KEY,
    SERVICE,
    TENANT_KEY,
    Identity,
    TokenVerifier,
    require_role,
    set_caller,
)
from services.chassis.rpc.errors import UnknownService
from services.chassis.rpc.guard import Guard, refuse, request_id

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

    def __init__(self, find: Find, verifier: TokenVerifier, guard: Guard, max_calls: int) -> None:
        self._find = find
        self._verifier = verifier
        self._guard = guard
        self._max_calls = max_calls

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler to run, which may be one that only refuses."""
        metadata = dict(details.invocation_metadata or ())
        call_id = _request_id(metadata)
        request_id.set(call_id)
        try:
            return self._admit(details.method, metadata, call_id)
        except Refusal as refusal:
            return refusing(refusal)

    def _admit(self, method: str, metadata: Mapping[str, Any], call_id: str) -> grpc.RpcMethodHandler[Any, Any]:
        if not method.startswith(_OPEN):
            identity = self._identify(metadata)
            set_caller(identity)
            if method.startswith(_OPERATORS_ONLY):
                require_role(OPERATOR)
            structlog.contextvars.bind_contextvars(request_id=call_id, tenant=identity.tenant)
            if self._guard.active >= self._max_calls:
                raise LimitExceeded(f"{self._max_calls} calls are under way here; call again later")
        handler = self._find(method)
        if handler is None:
            raise UnknownService(method)
        return handler

    def _identify(self, metadata: Mapping[str, Any]) -> Identity:
        authorization = metadata.get("authorization", "")
        bearer = isinstance(authorization, str) and authorization[: len(_BEARER)].lower() == _BEARER
        identity = self._verifier.verify(authorization[len(_BEARER) :].strip() if bearer else "")
        tenant = metadata.get(TENANT_KEY, "")
        if not tenant or tenant == identity.tenant:
            return identity
        if SERVICE not in identity.roles or len(tenant) > _TENANT_LENGTH:
            raise NotAllowed(f"only a service of the mesh may act in a tenant not its own, by {TENANT_KEY}")
        return Identity(identity.subject, tenant, identity.roles)


def refusing(refusal: Refusal) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler that answers with `refusal` before it has read anything, whatever kind of method was called."""

    async def answer(_requests: Any, context: Any) -> None:
        await refuse(context, refusal)

    return grpc.stream_stream_rpc_method_handler(answer)


def _request_id(metadata: Mapping[str, Any]) -> str:
    given = metadata.get(REQUEST_ID_KEY, "")
    usable = isinstance(given, str) and 0 < len(given) <= _REQUEST_ID_LENGTH and given.isprintable()
    return given if usable else ids.new_id("req")
