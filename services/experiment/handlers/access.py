"""Access to projects and experiments: what is not to be seen is not there, and what may be seen may not always be used.

Every handler gets at projects and experiments through here. A caller's permission on an experiment is the highest of
those on itself and on its project.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.chassis.clock import from_timestamp
from services.chassis.db import Tx
from services.chassis.entities import Entities
from services.chassis.errors import InvalidFields, NotAllowed, NotFound, Refusal
from services.chassis.rpc.auth import ADMIN, SERVICE, Identity
from services.experiment.domain.access import (
    Permission,
    Principal,
    Shared,
    SharedKind,
    Visibility,
    group_principal,
    user_principal,
)
from services.experiment.domain.records import Experiment, Project
from services.experiment.handlers.memberships import Memberships
from services.experiment.storage import experiments, projects, shares
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2

Row = TypeVar("Row", Experiment, Project)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Granted(Generic[Row]):
    """What was asked for, with the highest permission the caller has on it."""

    row: Row
    permission: Permission


class Access:
    """Finds projects and experiments for those who may see them."""

    def __init__(self, entities: Entities, memberships: Memberships) -> None:
        """`entities` are the copies of groups and their members, `memberships` brings them up to date."""
        self._entities = entities
        self._memberships = memberships

    def judged(
        self, who: Identity, act: Callable[[], Answer], *, passes: Callable[[Answer], bool] = lambda _: True
    ) -> Answer:
        """What `act` returns. Before it is refused, or its answer does not pass, the caller's groups are asked for.

        The copies may not have heard yet that they are in a group; then it is done again, once. To be called with no
        transaction open, and with all that a call does: its transactions are its own.
        """
        try:
            answer = act()
        except (NotFound, NotAllowed, InvalidFields) as refusal:
            if not _by_groups(refusal) or not self._memberships.learn(who):
                raise
            return act()
        return act() if not passes(answer) and self._memberships.learn(who) else answer

    def experiment(
        self, tx: Tx, who: Identity, experiment_id: str, at_least: Permission, *, lock: bool = False
    ) -> Granted[Experiment]:
        """The experiment of that id; NotFound for who may not READ it, NotAllowed for who has less than `at_least`.

        With `lock` no other transaction changes it before this one ends.
        """
        row = experiments.find(tx, who.tenant, experiment_id, lock=lock)
        permission = self.permissions(tx, who, [row])[row.experiment_id] if row else Permission.NONE
        if row is None or permission < Permission.READ:
            raise NotFound("experiment", experiment_id)
        _demand(permission, at_least, f"the experiment {experiment_id!r}")
        return Granted(row, permission)

    def project(
        self, tx: Tx, who: Identity, name: str, at_least: Permission, *, lock: bool = False
    ) -> Granted[Project]:
        """The project of that name; refusals and `lock` as for experiments."""
        row = projects.find(tx, who.tenant, name, lock=lock)
        permission = self.project_permissions(tx, who, [row])[row.name] if row else Permission.NONE
        if row is None or permission < Permission.READ:
            raise NotFound("project", name)
        _demand(permission, at_least, f"the project {name!r}")
        return Granted(row, permission)

    def permissions(self, tx: Tx, who: Identity, rows: Sequence[Experiment]) -> dict[str, Permission]:
        """The caller's permission on each of these experiments, by id."""
        if not rows or _unlimited(who) or all(row.owner == _user(who) for row in rows):
            return {row.experiment_id: Permission.OWNER for row in rows}
        seen = self.visibility(tx, who)
        owners = projects.owners(tx, who.tenant, {row.project for row in rows})
        wanted = {each for row in rows for each in _both(row)}
        given = shares.of_principals(tx, who.tenant, wanted, seen.principals)
        return {
            row.experiment_id: seen.permission(
                (row.owner, owners[row.project]), [share for each in _both(row) for share in given.get(each, ())]
            )
            for row in rows
        }

    def project_permissions(self, tx: Tx, who: Identity, rows: Sequence[Project]) -> dict[str, Permission]:
        """The caller's permission on each of these projects, by name."""
        if not rows or _unlimited(who) or all(row.owner == _user(who) for row in rows):
            return {row.name: Permission.OWNER for row in rows}
        seen = self.visibility(tx, who)
        of_row = {row.name: Shared(SharedKind.PROJECT, row.name) for row in rows}
        given = shares.of_principals(tx, who.tenant, of_row.values(), seen.principals)
        return {row.name: seen.permission((row.owner,), given.get(of_row[row.name], ())) for row in rows}

    def visibility(self, tx: Tx, who: Identity) -> Visibility:
        """What the caller may see, for lists."""
        if _unlimited(who):
            return Visibility(everything=True, user=who.subject)
        user = _user(who)
        if not user:
            return Visibility(everything=False, user=user)
        groups = self._groups(tx, who.tenant, user)
        return Visibility(everything=False, user=user, principals=(user_principal(user), *groups))

    def groups_of(self, tx: Tx, tenant: str, user: str) -> frozenset[str]:
        """The names of the groups the user is in, directly or through another group."""
        return frozenset(each.group for each in self._groups(tx, tenant, user))

    def _groups(self, tx: Tx, tenant: str, user: str) -> list[Principal]:
        found: dict[str, Principal] = {}
        ahead = {f"user:{user}"}
        while ahead:
            # A level at once: most are in many groups, which hold one another over few levels.
            kind = sync_pb2.ENTITY_KIND_GROUP_MEMBER
            members = self._entities.of_parents(tx, kind, tenant, ahead, group_pb2.GroupMember)
            above = self.groups(tx, tenant, {each.group for each in members} - found.keys())
            found |= above
            ahead = {f"group:{name}" for name in above}
        return list(found.values())

    def groups(self, tx: Tx, tenant: str, names: Collection[str]) -> dict[str, Principal]:
        """Those of the groups that there are, as principals, by name."""
        copies = self._entities.named(tx, sync_pb2.ENTITY_KIND_GROUP, tenant, names, group_pb2.Group)
        return {each.name: group_principal(each.name, from_timestamp(each.create_time)) for each in copies}


def _by_groups(refusal: Refusal) -> bool:
    """Whether someone of other groups might not be refused: of faults, those of the project and of too large a job."""
    if not isinstance(refusal, InvalidFields):
        return True
    return any(each.field.startswith(("spec.project", "spec.resources.")) for each in refusal.violations)


def _both(row: Experiment) -> tuple[Shared, Shared]:
    return Shared(SharedKind.EXPERIMENT, row.experiment_id), Shared(SharedKind.PROJECT, row.project)


def _unlimited(who: Identity) -> bool:
    """Administrators may do all in their tenant; the mesh's own services have calls of their own, and nothing here."""
    return ADMIN in who.roles and SERVICE not in who.roles


def _user(who: Identity) -> str:
    """The user the caller is; empty for a service, whatever users there are of its name."""
    return "" if SERVICE in who.roles else who.subject


def _demand(permission: Permission, at_least: Permission, what: str) -> None:
    if permission < at_least:
        raise NotAllowed(
            f"this needs {at_least.name} on {what}, and you have {permission.name}: ask its owner to share it with you"
        )
