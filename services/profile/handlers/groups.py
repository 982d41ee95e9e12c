"""Use cases of GroupService that are about groups themselves."""

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotAllowed, NotFound
from services.chassis.masks import check_revision, merge
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import SERVICE, caller
from services.profile import wire
from services.profile.domain.groups import Group
from services.profile.handlers.asking import page, require_owner
from services.profile.handlers.publishing import Publisher
from services.profile.storage import groups as storage
from services.profile.storage import members, tenants, users
from vahana.profile.v1 import group_pb2 as pb

_CHANGEABLE = ("display_name", "owner")
_BATCH = 500
"""Memberships removed in one transaction."""


class Groups:
    """What may be done with groups, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, publisher: Publisher) -> None:
        self._db = db
        self._requests = requests
        self._publisher = publisher

    def create(self, request: pb.CreateGroupRequest) -> pb.CreateGroupResponse:
        """Add a group, which is the caller's."""
        if SERVICE in caller().roles:
            raise NotAllowed("a group has a user for its owner: call as one")
        with self._db.write() as tx:
            return self._requests.once(tx, request, pb.CreateGroupResponse, lambda: self._create(tx, request))

    def _create(self, tx: Tx, request: pb.CreateGroupRequest) -> pb.CreateGroupResponse:
        who = caller()
        if tenants.find(tx, who.tenant) is None:
            raise NotFound("tenant", who.tenant)
        group = Group(request.name, request.display_name, who.subject, now_us(tx))
        if not storage.insert(tx, who.tenant, group):
            raise AlreadyExists("group", group.name)
        if self._publisher.had_group(tx, who.tenant, group.name):
            # What it was given elsewhere still names it, and would be the new one's.
            raise AlreadyExists("deleted group", group.name)
        self._publisher.group(tx, who.tenant, group)
        return pb.CreateGroupResponse(group=wire.group_to_message(group))

    def get(self, request: pb.GetGroupRequest) -> pb.GetGroupResponse:
        """One group."""
        with self._db.read() as tx:
            stored = stored_group(tx, request.name)
        return pb.GetGroupResponse(group=wire.group_to_message(stored))

    def list(self, request: pb.ListGroupsRequest) -> pb.ListGroupsResponse:
        """A page of groups, by name: all, or those that a user is in."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, request.user, after, limit + 1)
        kept, token = page([wire.group_to_message(one) for one in stored], limit, lambda one: one.name)
        return pb.ListGroupsResponse(groups=kept, next_page_token=token)

    def update(self, request: pb.UpdateGroupRequest) -> pb.UpdateGroupResponse:
        """Change a group; for its owner and administrators."""
        tenant = caller().tenant
        with self._db.write() as tx:
            stored = own_group(tx, request.name)
            wanted = wire.group_to_update(stored)
            merge(wanted, request, request.update_mask, _CHANGEABLE)
            check_revision(stored.revision, request.revision)
            changed = wire.group_from_update(stored, wanted)
            if changed.owner != stored.owner and users.find(tx, tenant, changed.owner) is None:
                raise NotFound("user", changed.owner)
            storage.replace(tx, tenant, changed)
            self._publisher.group(tx, tenant, changed)
        return pb.UpdateGroupResponse(group=wire.group_to_message(changed))

    def delete(self, request: pb.DeleteGroupRequest) -> pb.DeleteGroupResponse:
        """Remove a group, whoever is in it, and itself from others; for its owner and administrators.

        A large group goes in several transactions, so that nobody waits long: cut short, the call may be repeated.
        """
        while not self._deleted(request.name):
            pass
        return pb.DeleteGroupResponse()

    def _deleted(self, name: str) -> bool:
        """Remove some memberships, and with the last of them the group; whether it is gone."""
        tenant = caller().tenant
        with self._db.write() as tx:
            own_group(tx, name)
            found = members.about(tx, tenant, name, _BATCH)
            for member in found:
                members.remove(tx, tenant, member)
                self._publisher.no_member(tx, tenant, member)
            gone = len(found) < _BATCH
            if gone:
                storage.remove(tx, tenant, name)
                self._publisher.no_group(tx, tenant, name)
        return gone


def stored_group(tx: Tx, name: str) -> Group:
    """The caller's tenant's group of that name. Raises NotFound."""
    stored = storage.find(tx, caller().tenant, name)
    if stored is None:
        raise NotFound("group", name)
    return stored


def own_group(tx: Tx, name: str) -> Group:
    """A group that the caller may change. All changes of a tenant's groups take turns from here on, as what they may
    be depends on other groups. Raises NotFound and NotAllowed."""
    tenants.lock(tx, caller().tenant)
    stored = stored_group(tx, name)
    require_owner("group", name, stored.owner)
    return stored
