"""What all use cases do alike with a request: refuse it by the rules, answer a repeat, page a list."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.db import Tx
from services.chassis.errors import FieldViolation, InvalidFields
from services.chassis.paging import decode_token, encode_token
from services.chassis.requests import Requests, fingerprint
from services.chassis.rpc.auth import caller
from services.registry.domain.violations import Violation, under
from vahana.registry.v1 import application_pb2, compute_resource_pb2, storage_resource_pb2

Creation = (
    compute_resource_pb2.CreateComputeResourceRequest
    | storage_resource_pb2.CreateStorageResourceRequest
    | application_pb2.CreateApplicationModuleRequest
    | application_pb2.CreateApplicationInterfaceRequest
    | application_pb2.CreateApplicationDeploymentRequest
)
"""Requests that a client may repeat under their request id."""

Answer = TypeVar("Answer", bound=Message)
Item = TypeVar("Item", bound=Message)

_PAGE_BYTES = 2 * 1024 * 1024
"""A page ends early rather than outgrow what a client receives by default, 4 MiB."""


def refuse(path: str, found: Iterable[Violation]) -> None:
    """Raise InvalidFields where a rule is broken; `path` is the field of the request that holds the thing checked."""
    violations = [FieldViolation(one.field, one.fault) for one in under(path, found)]
    if violations:
        raise InvalidFields(violations)


def once(requests: Requests, tx: Tx, request: Creation, kind: type[Answer], make: Callable[[], Answer]) -> Answer:
    """The answer `make` gives, remembered under the request id; for a repeat the first answer."""
    who, method = caller(), request.DESCRIPTOR.full_name
    key = (f"{who.tenant}/{who.subject}", method, request.request_id, fingerprint(request))
    stored = requests.recall(tx, *key)
    if stored is not None:
        return kind.FromString(stored)
    answer = make()
    requests.remember(tx, *key, answer.SerializeToString())
    return answer


def position(page_token: str, length: int) -> tuple[str, ...]:
    """The key a page token of `length` parts stands for; the lowest where it is empty."""
    parts = decode_token(page_token) or ("",) * length
    if len(parts) != length or not all(part.isascii() and part.isprintable() for part in parts):
        raise InvalidFields([FieldViolation("page_token", "is of another list: send the next_page_token of this one")])
    return parts


def page(items: Sequence[Item], limit: int, key: Callable[[Item], tuple[str, ...]]) -> tuple[list[Item], str]:
    """The page of at most `limit` out of `limit` + 1 rows read, and the token of the next, "" where it is the last."""
    kept: list[Item] = []
    size = 0
    for item in items[:limit]:
        size += item.ByteSize()
        if kept and size > _PAGE_BYTES:
            break
        kept.append(item)
    return kept, encode_token(*key(kept[-1])) if len(kept) < len(items) else ""
