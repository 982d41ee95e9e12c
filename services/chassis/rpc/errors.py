"""Refusals on the wire: google.rpc.Status with ErrorInfo and BadRequest, both ways."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from services.chassis import errors
from services.chassis.errors import FieldViolation, InvalidFields, Refusal

DOMAIN = "vahana"
DETAILS_KEY = "grpc-status-details-bin"

# gRPC begins to refuse trailers above 8 KiB, counted after texts are percent-encoded and details base64-encoded: a
# refusal stays below that whatever it quotes.
MAX_TEXT_BYTES = 500
MAX_VIOLATIONS_BYTES = 3000

CODES: dict[str, grpc.StatusCode] = {
    "INVALID_FIELDS": grpc.StatusCode.INVALID_ARGUMENT,
    "TOKEN_MISSING": grpc.StatusCode.UNAUTHENTICATED,
    "TOKEN_INVALID": grpc.StatusCode.UNAUTHENTICATED,
    "NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "ALREADY_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "WRONG_STATE": grpc.StatusCode.FAILED_PRECONDITION,
    "STALE_REVISION": grpc.StatusCode.ABORTED,
    "REQUEST_ID_REUSED": grpc.StatusCode.ABORTED,
    "LIMIT_EXCEEDED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DEPENDENCY_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "DIGEST_MISMATCH": grpc.StatusCode.DATA_LOSS,
    "UNKNOWN_SERVICE": grpc.StatusCode.UNIMPLEMENTED,
    "DEFECT": grpc.StatusCode.INTERNAL,
}


class UnknownService(Refusal):
    """The method called exists nowhere here."""

    reason = "UNKNOWN_SERVICE"

    def __init__(self, method: str) -> None:
        """Name the method, in gRPC's form: /package.Service/Method."""
        super().__init__(f"there is no method {method} here", {"method": method})


class Defect(Refusal):
    """A fault of this software; its cause is in the log under the request id, never on the wire."""

    reason = "DEFECT"

    def __init__(self, request_id: str) -> None:
        """Name the request id to look for."""
        super().__init__(
            f"a defect of this software; the log holds its cause under request id {request_id}",
            {"request_id": request_id},
        )


_KINDS: dict[str, type[Refusal]] = {
    kind.reason: kind
    for kind in (
        errors.TokenMissing,
        errors.TokenInvalid,
        errors.NotAllowed,
        errors.NotFound,
        errors.AlreadyExists,
        errors.WrongState,
        errors.StaleRevision,
        errors.RequestIdReused,
        errors.LimitExceeded,
        errors.Unavailable,
        errors.DigestMismatch,
        UnknownService,
    )
}


def code_of(refusal: Refusal) -> grpc.StatusCode:
    """The gRPC code a refusal travels with."""
    return CODES.get(refusal.reason, grpc.StatusCode.UNKNOWN)


def cut(text: str) -> str:
    """The beginning of a text, no longer than a refusal may carry."""
    if len(whole := text.encode()) <= MAX_TEXT_BYTES:
        return text
    return whole[: MAX_TEXT_BYTES - 3].decode(errors="ignore") + "…"


def to_status(refusal: Refusal) -> status_pb2.Status:
    """The refusal as google.rpc.Status: ErrorInfo always, BadRequest where fields are to blame."""
    details = [_packed(_error_info(refusal))]
    if isinstance(refusal, InvalidFields):
        details.append(_packed(_bad_request(refusal)))
    number: int = code_of(refusal).value[0]
    return status_pb2.Status(code=number, message=cut(refusal.message), details=details)


def to_trailer(refusal: Refusal) -> tuple[str, bytes]:
    """The trailing metadata entry that carries the details."""
    return DETAILS_KEY, to_status(refusal).SerializeToString()


def from_error(error: grpc.RpcError) -> Refusal | None:
    """The refusal a peer of the mesh answered with; None when the error is no such answer, or a peer's own defect."""
    trailers: Any = error.trailing_metadata() or ()
    details = dict(trailers).get(DETAILS_KEY)
    return _from_status(status_pb2.Status.FromString(details)) if details else None


def _from_status(status: status_pb2.Status) -> Refusal | None:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(bad)
    if info.domain != DOMAIN:
        return None
    if info.reason == InvalidFields.reason:
        return InvalidFields([FieldViolation(v.field, v.description) for v in bad.field_violations])
    kind = _KINDS.get(info.reason)
    if kind is None:
        return None
    # The message is the peer's, not made anew from the parts a constructor takes.
    refusal = kind.__new__(kind)
    Refusal.__init__(refusal, status.message, dict(info.metadata))
    return refusal


def _error_info(refusal: Refusal) -> error_details_pb2.ErrorInfo:
    metadata = {key: cut(value) for key, value in refusal.metadata.items()}
    return error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=metadata)


def _bad_request(refusal: InvalidFields) -> error_details_pb2.BadRequest:
    """The first violations, as many as fit."""
    shown = error_details_pb2.BadRequest()
    for violation in refusal.violations:
        shown.field_violations.add(field=cut(violation.field), description=cut(violation.description))
        if shown.ByteSize() > MAX_VIOLATIONS_BYTES:
            del shown.field_violations[-1]
            break
    return shown


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
