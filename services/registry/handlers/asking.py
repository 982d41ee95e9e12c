"""What all use cases do alike with a request: refuse it by the rules, bound it, page a list."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.errors import FieldViolation, InvalidFields, LimitExceeded
from services.chassis.fitting import Page
from services.chassis.paging import encode_token
from services.registry.domain.violations import Violation, under
from vahana.registry.v1.application_pb2 import Application

Item = TypeVar("Item")

_LARGEST = 256 * 1024
"""Bytes of one thing registered: it travels in one message, and several make up an answer."""
_LARGEST_APPLICATION = 1024 * 1024
"""Bytes of an application with its interface and all deployments: that is one answer, of at most 4 MiB."""


def refuse(path: str, found: Iterable[Violation]) -> None:
    """Raise InvalidFields where a rule is broken; `path` is the field of the request that holds the thing checked."""
    violations = [FieldViolation(one.field, one.fault) for one in under(path, found)]
    if violations:
        raise InvalidFields(violations)


def bound(what: str, message: Message) -> None:
    """Raise LimitExceeded where the message is larger than a thing registered may be."""
    if message.ByteSize() > _LARGEST:
        raise LimitExceeded(f"the {what} takes {message.ByteSize()} bytes of at most {_LARGEST}: make it smaller")


def bound_whole(application: Application) -> None:
    """Raise LimitExceeded where an application with all its deployments is larger than one may be."""
    size, module = application.ByteSize(), application.module
    if size > _LARGEST_APPLICATION:
        raise LimitExceeded(
            f"{module.name} {module.version} takes {size} bytes with all its deployments, of at most "
            f"{_LARGEST_APPLICATION}: make this one or others smaller, or take some off"
        )


def following(page: Page[Item], key: Callable[[Item], tuple[str, ...]]) -> str:
    """The token of the page after this one, "" where it is the last."""
    return encode_token(*key(page.items[-1])) if page.more else ""
