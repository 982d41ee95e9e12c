"""protovalidate's findings as field violations a person can act on."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from services.chassis.errors import FieldViolation, InvalidFields

_QUOTED_LENGTH = 80
_SECRET_WORDS = ("token", "key", "secret", "password", "passphrase")


def validate(message: Message) -> None:
    """Raise InvalidFields naming every field of `message` that breaks a rule of its contract."""
    found = violations(message)
    if found:
        raise InvalidFields(found)


def violations(message: Message) -> list[FieldViolation]:
    """Every field of `message` that breaks a rule of its contract, and how."""
    # Imported with the first request: a service should answer health before it has loaded a rule engine.
    from protovalidate import collect_violations  # noqa: PLC0415

    return [_violation(each) for each in collect_violations(message)]


def _violation(found: Any) -> FieldViolation:
    path = _path(found.proto)
    return FieldViolation(path, _description(path, found))


def _path(violation: Any) -> str:
    """Dotted, with list positions and map keys in brackets: inputs[2].name, facts["host"]."""
    elements = violation.field.elements if violation.field is not None else []
    return ".".join(f"{element.field_name}{_subscript(element.subscript)}" for element in elements)


def _subscript(subscript: Any) -> str:
    if subscript is None:
        return ""
    return f'["{subscript.value}"]' if isinstance(subscript.value, str) else f"[{subscript.value}]"


def _description(path: str, found: Any) -> str:
    proto = found.proto
    message = proto.message or f"breaks the rule {proto.rule_id}"
    secret = any(word in path.lower() for word in _SECRET_WORDS)
    if proto.rule_id == "string.pattern":
        message = f"must match {found.rule_value}"
    if isinstance(found.field_value, str) and found.field_value and not secret:
        return f"{message}; it is {_quoted(found.field_value)}"
    return message


def _quoted(value: str) -> str:
    shown = value if len(value) <= _QUOTED_LENGTH else f"{value[:_QUOTED_LENGTH]}… ({len(value)} characters)"
    return repr(shown)
