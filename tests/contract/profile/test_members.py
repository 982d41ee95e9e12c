"""GroupService over gRPC: who is in groups."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import grpc
import pytest
from sqlalchemy import insert

from services.profile.__main__ import wire
from services.profile.domain.groups import MOST_LEVELS, MOST_MEMBERS
from services.profile.schema import group_member
from vahana.profile.v1.group_pb2 import (
    AddGroupMemberRequest,
    CreateGroupRequest,
    ListGroupMembersRequest,
    ListGroupsRequest,
    RemoveGroupMemberRequest,
)
from vahana.profile.v1.group_pb2_grpc import GroupServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
CYCLE = (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
TOO_MANY = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")


def add(stub, group, **member):
    return stub.AddGroupMember(AddGroupMemberRequest(group=group, **member)).member


def remove(stub, group, **member):
    stub.RemoveGroupMember(RemoveGroupMemberRequest(group=group, **member))


def members(stub, group, **asked):
    listed = stub.ListGroupMembers(ListGroupMembersRequest(group=group, **asked))
    return [one.user or f"@{one.member_group}" for one in listed.members], listed.next_page_token


@pytest.fixture
def stub(groups, user, group):
    """Groups a, b, c of ada, and the users ada and bob."""
    for name in ("ada", "bob"):
        user(name)
    for name in ("a", "b", "c"):
        group(name)
    return groups("user")


def test_users_and_groups_come_in_and_stay_in(stub):
    first = add(stub, "a", user="bob")
    assert (first.group, first.user, first.WhichOneof("member")) == ("a", "bob", "user")
    assert first.create_time.seconds > 0
    assert add(stub, "a", member_group="b").member_group == "b"
    assert add(stub, "a", user="bob") == first
    assert members(stub, "a") == (["@b", "bob"], "")


def test_a_user_and_a_group_of_one_name_are_two(stub, user):
    user("b")
    add(stub, "a", user="b")
    add(stub, "a", member_group="b")
    remove(stub, "a", user="b")
    assert members(stub, "a")[0] == ["@b"]


def test_members_are_taken_out(stub, refused):
    add(stub, "a", user="bob")
    add(stub, "a", member_group="b")
    remove(stub, "a", user="bob")
    assert members(stub, "a")[0] == ["@b"]
    for member in ({"user": "bob"}, {"member_group": "c"}, {"user": "nobody"}):
        with refused(*NOT_FOUND):
            remove(stub, "a", **member)
    with refused(*NOT_FOUND):
        remove(stub, "nothing", user="bob")


def test_who_is_not_there_cannot_come_in(stub, users, other_tenant, user, refused):
    user("olga", who="other")
    for member in ({"user": "nobody"}, {"user": "olga"}, {"member_group": "nothing"}):
        with refused(*NOT_FOUND):
            add(stub, "a", **member)
    with refused(*NOT_FOUND):
        add(stub, "nothing", user="bob")
    with refused(*INVALID):
        add(stub, "a")


def test_owner_and_administrators_alone_change_members(stub, groups, calling, refused):
    bob = calling(GroupServiceStub, "bob")
    add(groups("admin"), "a", user="bob")
    for call in (lambda: add(bob, "a", user="ada"), lambda: remove(bob, "a", user="bob")):
        with refused(*DENIED):
            call()
    assert members(bob, "a")[0] == ["bob"]
    remove(groups("admin"), "a", user="bob")


def test_who_is_in_a_group_is_in_all_that_hold_it(stub):
    add(stub, "c", user="bob")
    add(stub, "b", member_group="c")
    add(stub, "a", member_group="b")
    add(stub, "a", member_group="c")
    listed = stub.ListGroups(ListGroupsRequest(user="bob")).groups
    assert [one.name for one in listed] == ["a", "b", "c"]
    remove(stub, "b", member_group="c")
    assert [one.name for one in stub.ListGroups(ListGroupsRequest(user="bob")).groups] == ["a", "c"]


def test_no_group_comes_to_hold_itself(stub, refused):
    add(stub, "b", member_group="c")
    add(stub, "a", member_group="b")
    for group, member in (("a", "a"), ("b", "a"), ("c", "a"), ("c", "b")):
        with refused(*CYCLE):
            add(stub, group, member_group=member)
    add(stub, "a", member_group="c")


def test_groups_nest_over_so_many_levels(groups, group, refused):
    stub = groups("user")
    chain = [group(f"g{number:02}").name for number in range(MOST_LEVELS + 1)]
    for upper, lower in pairwise(chain[:MOST_LEVELS]):
        add(stub, upper, member_group=lower)
    for upper, lower in ((chain[MOST_LEVELS - 1], chain[MOST_LEVELS]), (chain[MOST_LEVELS], chain[0])):
        with refused(*TOO_MANY):
            add(stub, upper, member_group=lower)
    add(stub, chain[MOST_LEVELS - 2], member_group=chain[MOST_LEVELS])


def test_a_group_holds_so_many(profile, stub, refused):
    row = {"tenant": "default", "group_name": "a", "kind": "user", "create_time_us": 1}
    with profile.chassis.db.write() as tx:
        tx.execute(insert(group_member), [row | {"member": f"u{number}"} for number in range(MOST_MEMBERS - 1)])
    add(stub, "a", user="bob")
    with refused(*TOO_MANY):
        add(stub, "a", user="ada")
    with refused(*TOO_MANY):
        add(stub, "a", member_group="b")
    assert add(stub, "a", user="bob").user == "bob"


def test_members_are_paged_groups_first(stub, user, refused):
    for name in ("x", "y"):
        user(name)
    for member in ({"user": "y"}, {"member_group": "c"}, {"user": "bob"}, {"member_group": "b"}, {"user": "x"}):
        add(stub, "a", **member)
    found, token = [], ""
    while True:
        page, token = members(stub, "a", page_size=2, page_token=token)
        found += page
        if not token:
            break
    assert found == ["@b", "@c", "bob", "x", "y"]
    for foreign in (stub.ListGroups(ListGroupsRequest(page_size=1)).next_page_token, "nonsense"):
        with refused(*INVALID) as told:
            members(stub, "a", page_token=foreign)
        assert set(told.fields) == {"page_token"}


def test_nobody_is_refused(groups, refused):
    stub = groups("")
    for call in (
        lambda: add(stub, "a", user="ada"),
        lambda: remove(stub, "a", user="ada"),
        lambda: members(stub, "a"),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()


def test_two_callers_at_once_make_no_circle(serve, database_url):
    """Each sees the other's groups apart: on PostgreSQL only the tenant's lock keeps both from succeeding."""
    stub = serve(wire, database_url=database_url).stub(GroupServiceStub, "user")

    def outcome(pair):
        try:
            add(stub, pair[0], member_group=pair[1])
        except grpc.RpcError as error:
            return error.code()
        return None

    for number in range(10):
        one, two = f"a{number}", f"b{number}"
        for name in (one, two):
            stub.CreateGroup(CreateGroupRequest(name=name))
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(outcome, [(one, two), (two, one)]))
        assert sorted(outcomes, key=str) == [None, CYCLE[0]]
