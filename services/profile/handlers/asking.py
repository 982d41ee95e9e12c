"""What all use cases do alike with a request: refuse it by the rules, ask whose a thing is, page a list."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from services.chassis.errors import FieldViolation, InvalidFields, NotAllowed
from services.chassis.paging import encode_token
from services.chassis.rpc.auth import ADMIN, SERVICE, caller
from services.profile.domain.violations import Violation

Item = TypeVar("Item")


def refuse(found: Iterable[Violation]) -> None:
    """Raise InvalidFields where a rule is broken."""
    violations = [FieldViolation(one.field, one.fault) for one in found]
    if violations:
        raise InvalidFields(violations)


def owns(owner: str) -> bool:
    """Whether the caller may do what the owner of a thing may: it is the owner, or an administrator.

    A service of the mesh may bear a user's name, and is not that user.
    """
    who = caller()
    return ADMIN in who.roles or (who.subject == owner and SERVICE not in who.roles)


def require_owner(kind: str, name: str, owner: str) -> None:
    """Raise NotAllowed unless the caller owns a thing; `kind` in the words of the API, e.g. "credential"."""
    if not owns(owner):
        raise NotAllowed(f"{kind} {name!r} is for its owner, {owner!r}, and administrators to change")


def page(items: Sequence[Item], limit: int, key: Callable[[Item], str | tuple[str, ...]]) -> tuple[Sequence[Item], str]:
    """The page of at most `limit` out of `limit` + 1 rows read, and the token of the next, "" where it is the last."""
    kept = items[:limit]
    if len(kept) == len(items):
        return kept, ""
    last = key(kept[-1])
    return kept, encode_token(last) if isinstance(last, str) else encode_token(*last)
