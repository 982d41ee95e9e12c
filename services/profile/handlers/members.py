"""Use cases of GroupService that are about who is in a group."""

from dataclasses import replace
from functools import partial

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import LimitExceeded, NotFound, WrongState
from services.chassis.paging import names_of, page_limit
from services.chassis.rpc.auth import caller
from services.profile import wire
from services.profile.domain.groups import (
    MOST_LEVELS,
    MOST_MEMBERS,
    HoldsItself,
    Member,
    MemberKind,
    TooDeep,
    check_nesting,
)
from services.profile.handlers.asking import page
from services.profile.handlers.groups import own_group, stored_group
from services.profile.handlers.publishing import Publisher
from services.profile.storage import members as storage
from services.profile.storage import users
from vahana.profile.v1 import group_pb2 as pb


class Members:
    """What may be done with the members of groups, in the caller's tenant."""

    def __init__(self, db: Database, publisher: Publisher) -> None:
        self._db = db
        self._publisher = publisher

    def add(self, request: pb.AddGroupMemberRequest) -> pb.AddGroupMemberResponse:
        """Put a user or a group into a group; for its owner and administrators."""
        member = wire.member_from_request(request)
        with self._db.write() as tx:
            own_group(tx, member.group)
            stored = storage.find(tx, caller().tenant, member.group, member.kind, member.name)
            if stored is None:
                stored = self._add(tx, member)
        return pb.AddGroupMemberResponse(member=wire.member_to_message(stored))

    def _add(self, tx: Tx, member: Member) -> Member:
        tenant = caller().tenant
        _check_known(tx, member)
        if member.kind is MemberKind.GROUP:
            _check_nesting(tx, member)
        if storage.count(tx, tenant, member.group) >= MOST_MEMBERS:
            raise LimitExceeded(f"group {member.group!r} has {MOST_MEMBERS} members, which is the most: nest groups")
        new = replace(member, create_time_us=now_us(tx))
        storage.insert(tx, tenant, new)
        self._publisher.member(tx, tenant, new)
        return new

    def remove(self, request: pb.RemoveGroupMemberRequest) -> pb.RemoveGroupMemberResponse:
        """Take a user or a group out of a group; for its owner and administrators."""
        member, tenant = wire.member_from_request(request), caller().tenant
        with self._db.write() as tx:
            own_group(tx, member.group)
            if storage.find(tx, tenant, member.group, member.kind, member.name) is None:
                raise NotFound(f"{member.kind} in group {member.group!r}", member.name)
            storage.remove(tx, tenant, member)
            self._publisher.no_member(tx, tenant, member)
        return pb.RemoveGroupMemberResponse()

    def list(self, request: pb.ListGroupMembersRequest) -> pb.ListGroupMembersResponse:
        """A page of who is directly in a group: groups by name, then users by name."""
        limit = page_limit(request.page_size)
        kind, name = names_of(request.page_token, 2)
        with self._db.read() as tx:
            stored_group(tx, request.group)
            stored = storage.page(tx, caller().tenant, request.group, (kind, name), limit + 1)
        kept, token = page(stored, limit, lambda one: (one.kind, one.name))
        return pb.ListGroupMembersResponse(members=[wire.member_to_message(one) for one in kept], next_page_token=token)


def _check_known(tx: Tx, member: Member) -> None:
    if member.kind is MemberKind.GROUP:
        stored_group(tx, member.name)
    elif users.find(tx, caller().tenant, member.name) is None:
        raise NotFound("user", member.name)


def _check_nesting(tx: Tx, member: Member) -> None:
    tenant = caller().tenant
    holders, held = partial(storage.holders, tx, tenant), partial(storage.held, tx, tenant)
    try:
        check_nesting(member.group, member.name, holders, held)
    except HoldsItself:
        raise WrongState(
            f"group {member.group!r} is in group {member.name!r}, or is it: it would come to hold itself"
        ) from None
    except TooDeep:
        raise LimitExceeded(
            f"with group {member.name!r} in group {member.group!r}, groups would hold groups over more than"
            f" {MOST_LEVELS} levels: put it in further up"
        ) from None
