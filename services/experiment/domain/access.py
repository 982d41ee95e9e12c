"""Who may do what with projects and experiments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

_USER, _GROUP, _SINCE = "user:", "group:", "#"


class Permission(IntEnum):
    """What may be done with a project or an experiment, each with all before it; numbers of `vahana.experiment.v1`."""

    NONE = 0
    READ = 1
    WRITE = 2
    MANAGE_SHARING = 3
    OWNER = 4


class SharedKind(IntEnum):
    """What can be shared; the numbers are stored."""

    PROJECT = 1
    EXPERIMENT = 2


@dataclass(frozen=True, slots=True, order=True)
class Shared:
    """A project, by name, or an experiment, by id."""

    kind: SharedKind
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """A user, `user:{name}`, or a group, `group:{name}#{since}`, that something can be shared with.

    `since` is when the group was created: another group that later gets the name of a deleted one is someone else.
    Users are never deleted.
    """

    key: str

    @property
    def user(self) -> str:
        """The user's name; empty for a group."""
        return self.key.removeprefix(_USER) if self.key.startswith(_USER) else ""

    @property
    def group(self) -> str:
        """The group's name; empty for a user."""
        return self.key.removeprefix(_GROUP).rpartition(_SINCE)[0] if self.key.startswith(_GROUP) else ""

    @property
    def stem(self) -> str:
        """What the keys of all groups of that name begin with, of former ones too; a user's key."""
        return self.key.rpartition(_SINCE)[0] + _SINCE if self.group else self.key


def user_principal(name: str) -> Principal:
    """The user of that name."""
    return Principal(f"{_USER}{name}")


def group_principal(name: str, since: int = 0) -> Principal:
    """The group of that name which was created at `since`, in microseconds."""
    return Principal(f"{_GROUP}{name}{_SINCE}{since}")


@dataclass(frozen=True, slots=True)
class Share:
    """A permission given to a principal by a user, at a time in microseconds."""

    shared: Shared
    principal: Principal
    permission: Permission
    granter: str
    create_time: int


@dataclass(frozen=True, slots=True)
class Visibility:
    """What of a tenant someone may see: everything, or what is theirs or shared with a principal they are or are in."""

    everything: bool
    user: str
    principals: tuple[Principal, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups the user is in, directly or through another group."""
        return tuple(each.group for each in self.principals if each.group)

    def permission(self, owners: Iterable[str], shares: Iterable[Share]) -> Permission:
        """The highest permission on something with these owners, of which these shares were given."""
        if self.everything or self.user in owners:
            return Permission.OWNER
        held = frozenset(self.principals)
        given = (each.permission for each in shares if each.principal in held)
        return max(given, default=Permission.NONE)


class Directory(Protocol):
    """Where users and groups are looked up by name; raises the chassis's Unavailable where there is no way to know."""

    def user(self, tenant: str, name: str) -> Principal | None:
        """The user of that name; None where there is none."""
        ...

    def group(self, tenant: str, name: str) -> Principal | None:
        """The group of that name; None where there is none."""
        ...
