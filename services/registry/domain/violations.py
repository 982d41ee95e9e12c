"""How a broken rule is told."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.registry.domain.text import quoted


class Violation(NamedTuple):
    """A field that breaks a rule."""

    field: str
    """Path of the field, relative to the thing checked."""
    fault: str
    """What is wrong with the value, and the way out."""


def under(path: str, found: Iterable[Violation]) -> Iterator[Violation]:
    """The same violations, seen from the thing that holds the one checked under `path`."""
    return (Violation(f"{path}.{one.field}" if one.field else path, one.fault) for one in found)


def repeated(path: str, values: Sequence[str], what: str) -> Iterator[Violation]:
    """A violation for each value that stands twice; `path` holds `{}` where the position goes."""
    seen: dict[str, int] = {}
    for position, value in enumerate(values):
        first = seen.setdefault(value, position)
        if first != position:
            yield Violation(
                path.format(position), f"{what} {quoted(value)} stands already at {first}: keep one of them"
            )
