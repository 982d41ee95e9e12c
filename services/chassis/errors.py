"""Refusals: what handlers and domain code raise when a call cannot be answered. Pure; the wire is rpc's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that breaks a rule: `description` says what is wrong with the value and the way out."""

    field: str
    description: str


class Refusal(Exception):  # noqa: N818 - "refusal" is the word of the design
    """Why a call is refused. `reason` is a `vahana.error.v1.Reason` name without its prefix."""

    reason: ClassVar[str] = "DEFECT"

    def __init__(self, message: str, metadata: Mapping[str, str] | None = None) -> None:
        """Keep a message for people and metadata for programs."""
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})


class InvalidFields(Refusal):
    """One or more fields of the request break a rule."""

    reason = "INVALID_FIELDS"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        """Name every violated field, not only the first."""
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations))
        self.violations = tuple(violations)


class NotFound(Refusal):
    """There is no such thing in the caller's tenant."""

    reason = "NOT_FOUND"

    def __init__(self, kind: str, name: str) -> None:
        """`kind` in the words of the API, e.g. "compute resource"."""
        super().__init__(f"no {kind} {name!r}", {"kind": kind, "name": name})


class AlreadyExists(Refusal):
    """The name is taken by something else."""

    reason = "ALREADY_EXISTS"

    def __init__(self, kind: str, name: str) -> None:
        """`kind` in the words of the API, e.g. "compute resource"."""
        super().__init__(f"{kind} {name!r} exists already", {"kind": kind, "name": name})


class NotAllowed(Refusal):
    """The caller is known and may not do this."""

    reason = "NOT_ALLOWED"


class WrongState(Refusal):
    """The thing is in a state from which this cannot be done."""

    reason = "WRONG_STATE"


class StaleRevision(Refusal):
    """The revision given is not the present one; read again and repeat."""

    reason = "STALE_REVISION"


class RequestIdReused(Refusal):
    """The request id was used before with another content."""

    reason = "REQUEST_ID_REUSED"

    def __init__(self, request_id: str) -> None:
        """Name the request id."""
        super().__init__(
            f"request id {request_id!r} was used before with another content; give every new request a new id",
            {"request_id": request_id},
        )


class LimitExceeded(Refusal):
    """A size or a rate is over its limit."""

    reason = "LIMIT_EXCEEDED"


class Unavailable(Refusal):
    """A peer, the database or the bus does not answer: callers retry."""

    reason = "DEPENDENCY_UNAVAILABLE"


class DigestMismatch(Refusal):
    """The bytes received do not have the digest announced."""

    reason = "DIGEST_MISMATCH"


class TokenMissing(Refusal):
    """The call carries no bearer token."""

    reason = "TOKEN_MISSING"

    def __init__(self) -> None:
        """Say where the token goes."""
        super().__init__("the call carries no token; send the metadata 'authorization: Bearer <token>'")


class TokenInvalid(Refusal):
    """The token is unknown, malformed or expired."""

    reason = "TOKEN_INVALID"

    def __init__(self) -> None:
        """Say no more than that: the message goes to whoever called."""
        super().__init__("the token is not known here, or no longer valid")
