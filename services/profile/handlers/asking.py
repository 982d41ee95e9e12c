"""What all use cases do alike with a request: refuse it by the rules, answer a repeat, page a list."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.db import Tx
from services.chassis.errors import FieldViolation, InvalidFields
from services.chassis.paging import decode_token, encode_token
from services.chassis.requests import Requests, fingerprint
from services.chassis.rpc.auth import caller
from services.profile.domain.violations import Violation
from vahana.profile.v1 import credential_pb2, tenant_pb2, user_pb2

Creation = tenant_pb2.CreateTenantRequest | user_pb2.CreateUserRequest | credential_pb2.CreateCredentialRequest
"""Requests that a client may repeat under their request id."""

Answer = TypeVar("Answer", bound=Message)
Item = TypeVar("Item", bound=Message)


def refuse(found: Iterable[Violation]) -> None:
    """Raise InvalidFields where a rule is broken."""
    violations = [FieldViolation(one.field, one.fault) for one in found]
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


def position(page_token: str) -> str:
    """The key a page token stands for; the lowest where it is empty."""
    parts = decode_token(page_token) or ("",)
    if len(parts) != 1 or not (parts[0].isascii() and parts[0].isprintable()):
        raise InvalidFields([FieldViolation("page_token", "is of another list: send the next_page_token of this one")])
    return parts[0]


def page(items: Sequence[Item], limit: int, key: Callable[[Item], str]) -> tuple[Sequence[Item], str]:
    """The page of at most `limit` out of `limit` + 1 rows read, and the token of the next, "" where it is the last."""
    kept = items[:limit]
    return kept, encode_token(key(kept[-1])) if len(kept) < len(items) else ""
