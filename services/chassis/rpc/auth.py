"""Who calls: bearer tokens, the identities they stand for, and what an identity may do."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.chassis.errors import NotAllowed

ADMIN = "admin"
OPERATOR = "operator"
SERVICE = "service"

EVERYTHING = "*"
"""The scope that includes all others."""

TENANT_KEY = "x-vahana-tenant"
REQUEST_ID_KEY = "x-request-id"


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of the present RPC: who, of which tenant, in which roles, and what the token shown may be used for."""

    subject: str
    tenant: str
    roles: frozenset[str]
    scopes: frozenset[str] = frozenset({EVERYTHING})
    token_id: str = ""
    """Id of the API token behind it; empty for any other."""
    end: float = field(default=math.inf, compare=False)
    """Until when the token shown is taken, in seconds since 1970. Of the token alone: who calls is the same without."""


class Verifier(Protocol):
    """Tells whose a token is."""

    def verify(self, token: str) -> Identity:
        """The identity behind `token`. TokenMissing where it is empty, TokenInvalid where it is no good, Unavailable
        where that cannot be told now; Undecided where it takes a while to tell."""


class Undecided(Exception):  # noqa: N818 - no error: the answer is still to come
    """Whose a token is has to be asked for first."""

    def __init__(self, decide: Callable[[Any], Awaitable[Identity]]) -> None:
        """`decide`, given the call's context, ends in the identity, or raises a Refusal."""
        super().__init__()
        self.decide = decide


_caller: ContextVar[Identity] = ContextVar("vahana_caller")
_raw_token: ContextVar[str] = ContextVar("vahana_raw_token")


def raw_token() -> str:
    """The token of the present call to a service whose handlers check tokens themselves; LookupError in any other."""
    return _raw_token.get()


def set_raw_token(token: str) -> None:
    """Leave the check of `token` to the handler of the present call."""
    _raw_token.set(token)


def caller() -> Identity:
    """The identity behind the present call; LookupError outside of one."""
    return _caller.get()


def present_caller() -> Identity | None:
    """The same; None outside of a call, and within one whose caller is not known or not asked for."""
    return _caller.get(None)


def set_caller(identity: Identity) -> None:
    """Make `identity` the caller for the rest of the present context."""
    _caller.set(identity)


@contextlib.contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Run a block as `identity`: for consumers, and for tests of handlers without a server."""
    reset = _caller.set(identity)
    try:
        yield
    finally:
        _caller.reset(reset)


def require_role(*roles: str) -> None:
    """Raise NotAllowed unless the caller has one of `roles`."""
    if not caller().roles.intersection(roles):
        wanted = " or ".join(map(repr, roles))
        raise NotAllowed(f"this needs the role {wanted}, which {caller().subject!r} does not have")


def require_service(*names: str) -> None:
    """Raise NotAllowed unless the caller is one of these services of the mesh."""
    identity = caller()
    if SERVICE not in identity.roles or identity.subject not in names:
        raise NotAllowed(f"only {', '.join(names)} may call this, not {identity.subject!r}")
