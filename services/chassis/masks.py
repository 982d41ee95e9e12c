"""Updates by field mask: what may be changed, onto what is stored, at which revision (google AIP-134 and AIP-154)."""

from __future__ import annotations

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from services.chassis.errors import FieldViolation, InvalidFields, StaleRevision
from services.chassis.rpc.validation import violations

_FIELD = "update_mask"


def merge(target: Message, source: Message, mask: FieldMask, allowed: Collection[str]) -> None:
    """Put the masked fields of `source` in place of those of `target`; both are of one kind, paths name whole fields.

    What `source` holds beside the fields of its kind is left out: a mask can't name it, and nothing bounds it.
    InvalidFields where the mask names nothing, or a field that is not among `allowed`.
    """
    if not mask.paths:
        raise InvalidFields([FieldViolation(_FIELD, f"names nothing to change; it may name {_told(allowed)}")])
    refused = sorted(set(mask.paths) - set(allowed))
    if refused:
        told = ", ".join(repr(path) for path in refused)
        raise InvalidFields([FieldViolation(_FIELD, f"{told} can't be changed; it may name {_told(allowed)}")])
    for path in mask.paths:
        target.ClearField(path)
    # What is left of a copy when all else is cleared is what the mask names.
    part = type(source)()
    part.CopyFrom(source)
    part.DiscardUnknownFields()
    for descriptor, _ in source.ListFields():
        if descriptor.name not in mask.paths:
            part.ClearField(descriptor.name)
    target.MergeFrom(part)


def check_key(message: Message, *fields: str, prefix: str) -> None:
    """Raise InvalidFields where one of the fields that say which thing is meant breaks a rule of its contract.

    `prefix` is the message's own place in the request.
    """
    _raise([each for each in violations(message) if each.field in fields], prefix)


def check_whole(message: Message, *, prefix: str) -> None:
    """Raise InvalidFields where any field of the merged message breaks a rule of its contract."""
    _raise(violations(message), prefix)


def check_revision(stored: int, given: int) -> None:
    """Raise StaleRevision unless `given` is the stored revision, or 0 for whichever it is."""
    if given not in {0, stored}:
        raise StaleRevision(f"revision {given} was given and {stored} is the present one: read again and repeat")


def _raise(found: Collection[FieldViolation], prefix: str) -> None:
    if found:
        raise InvalidFields([FieldViolation(f"{prefix}.{each.field}", each.description) for each in found])


def _told(fields: Collection[str]) -> str:
    return ", ".join(repr(field) for field in sorted(fields))
