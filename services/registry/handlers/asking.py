"""What all use cases do alike with a request: refuse it by the rules, page a list."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.errors import FieldViolation, InvalidFields, LimitExceeded
from services.chassis.paging import decode_token, encode_token
from services.registry.domain.violations import Violation, under

Item = TypeVar("Item", bound=Message)

_LARGEST = 256 * 1024
"""Bytes of one thing registered: it travels in one message, and several make up an answer."""
_PAGE_BYTES = 2 * 1024 * 1024
"""A page ends early rather than outgrow what a client receives by default, 4 MiB."""


def refuse(path: str, found: Iterable[Violation]) -> None:
    """Raise InvalidFields where a rule is broken; `path` is the field of the request that holds the thing checked."""
    violations = [FieldViolation(one.field, one.fault) for one in under(path, found)]
    if violations:
        raise InvalidFields(violations)


def bound(what: str, message: Message) -> None:
    """Raise LimitExceeded where the message is larger than a thing registered may be."""
    if message.ByteSize() > _LARGEST:
        raise LimitExceeded(f"the {what} takes {message.ByteSize()} bytes of at most {_LARGEST}: make it smaller")


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
