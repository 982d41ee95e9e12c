"""Scopes: what a token may be used for, beside what its user may do."""

from collections.abc import Collection, Iterator

from services.profile.domain.violations import Violation

ALL = "*"
_READ, _WRITE = ":read", ":write"
SERVICES = ("profile", "registry", "experiment", "scheduler", "executor")
_QUOTED_LENGTH = 80
KNOWN = frozenset({ALL, *(f"{service}{power}" for service in SERVICES for power in (_READ, _WRITE))})


def covers(own: Collection[str], scope: str) -> bool:
    """Whether who holds `own` may do what `scope` allows: "*" is everything, and to write is to read too."""
    return ALL in own or scope in own or (scope.endswith(_READ) and scope.removesuffix(_READ) + _WRITE in own)


def violations(scopes: Collection[str], field: str = "scopes") -> Iterator[Violation]:
    """Every scope that there is not."""
    for number, scope in enumerate(scopes):
        if scope not in KNOWN:
            told = f"'{ALL}', '{{service}}{_READ}' and '{{service}}{_WRITE}' of {', '.join(SERVICES)}"
            yield Violation(f"{field}[{number}]", f"there is no scope '{scope[:_QUOTED_LENGTH]}': choose of {told}")
