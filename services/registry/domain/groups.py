"""The groups of users, which profile owns."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from services.registry.domain.text import quoted
from services.registry.domain.violations import Violation


class Groups(Protocol):
    """Tells which groups there are. Asked outside of transactions, since it may ask another service."""

    def missing(self, tenant: str, names: Collection[str]) -> frozenset[str]:
        """Those of the names that no group of the tenant has."""
        ...


def violations(path: str, names: Sequence[str], unknown: Collection[str]) -> Iterator[Violation]:
    """A violation for each name that is unknown; `path` holds `{}` where the position goes."""
    for position, name in enumerate(names):
        if name in unknown:
            yield Violation(path.format(position), f"there is no group {quoted(name)}: create it in profile first")
