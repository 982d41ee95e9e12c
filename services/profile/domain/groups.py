"""Groups, which hold users and other groups."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

MOST_MEMBERS = 10_000
"""Users and groups directly in one group."""
MOST_LEVELS = 16
"""Groups on the longest way from one that nothing holds down to one that holds no other."""


@dataclass(frozen=True)
class Group:
    """A set of users and groups. The fields mean what the proto of the same name says."""

    name: str
    display_name: str
    owner: str
    create_time_us: int = 0
    revision: int = 1


class MemberKind(enum.StrEnum):
    """What a member is. Lists are in this order of the alphabet, groups before users."""

    GROUP = "group"
    USER = "user"


@dataclass(frozen=True)
class Member:
    """One user or group directly in a group."""

    group: str
    kind: MemberKind
    name: str
    create_time_us: int = 0

    @property
    def who(self) -> str:
        """The member, told from all others of its tenant."""
        return f"{self.kind}:{self.name}"

    @property
    def key(self) -> str:
        """The membership, told from all others of its tenant: no name holds a slash."""
        return f"{self.group}/{self.who}"


class HoldsItself(ValueError):  # noqa: N818 - says what is the matter
    """A group would come to hold itself."""


class TooDeep(ValueError):  # noqa: N818 - says what is the matter
    """Groups would come to hold one another over too many levels."""


Step = Callable[[frozenset[str]], frozenset[str]]
"""From some groups to all that hold one of them, or to all that one of them holds."""


def check_nesting(group: str, member: str, holders: Step, held: Step) -> None:
    """Whether a group may come into another one. Raises HoldsItself or TooDeep."""
    above, below = _layers(group, holders), _layers(member, held)
    if any(member in layer for layer in above):
        raise HoldsItself
    if len(above) + len(below) > MOST_LEVELS:
        raise TooDeep


def _layers(start: str, step: Step) -> list[frozenset[str]]:
    """The groups one step away, two steps away, and so on; as many layers as the longest way has groups."""
    found = [frozenset({start})]
    while len(found) <= MOST_LEVELS and (more := step(found[-1])):
        found.append(more)
    return found
