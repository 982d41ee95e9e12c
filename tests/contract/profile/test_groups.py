"""GroupService over gRPC: groups themselves."""

import grpc
import pytest

from vahana.profile.v1.group_pb2 import (
    AddGroupMemberRequest,
    CreateGroupRequest,
    DeleteGroupRequest,
    GetGroupRequest,
    ListGroupMembersRequest,
    ListGroupsRequest,
    UpdateGroupRequest,
)

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


def update(stub, name, *paths, **fields):
    return stub.UpdateGroup(UpdateGroupRequest(name=name, update_mask={"paths": paths}, **fields)).group


def names(stub, **asked):
    return [one.name for one in stub.ListGroups(ListGroupsRequest(**asked)).groups]


def test_a_group_is_stored_as_sent_and_is_its_maker_s(group, groups):
    stored = group(display_name="The Staff")
    assert (stored.name, stored.display_name, stored.owner, stored.revision) == ("staff", "The Staff", "ada", 1)
    assert stored.create_time.seconds > 0
    assert groups("admin").GetGroup(GetGroupRequest(name="staff")).group == stored
    assert names(groups("user")) == ["staff"]


def test_a_taken_or_malformed_name_is_refused(group, refused):
    group()
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        group(who="admin")
    with refused(*INVALID) as told:
        group("a/b", display_name="a\0")
    assert set(told.fields) == {"name", "display_name"}


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(group, refused):
    first = group(request_id="r-1")
    assert group(request_id="r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        group("others", request_id="r-1")


def test_a_tenant_must_exist_and_a_service_owns_no_group(group, groups, refused):
    with refused(*NOT_FOUND) as told:
        group(who="other")
    assert "tenant 'other'" in told.message
    with refused(*DENIED):
        groups("executor", "default").CreateGroup(CreateGroupRequest(name="staff"))


def test_owner_and_administrators_change_a_group(group, groups, user, calling, refused):
    group()
    user("bob")
    assert update(groups("user"), "staff", "display_name", display_name="x", owner="bob").owner == "ada"
    given = update(groups("admin"), "staff", "owner", owner="bob")
    assert (given.display_name, given.owner, given.revision) == ("x", "bob", 3)
    for call in (
        lambda: update(groups("user"), "staff", "display_name"),
        lambda: groups("user").DeleteGroup(DeleteGroupRequest(name="staff")),
    ):
        with refused(*DENIED) as told:
            call()
        assert "'bob'" in told.message


def test_an_owner_must_exist(group, groups, user, other_tenant, refused):
    group()
    user("olga", who="other")
    for owner in ("olga", "nobody", ""):
        with refused(*NOT_FOUND):
            update(groups("user"), "staff", "owner", owner=owner)


def test_a_stale_revision_and_a_foreign_mask_are_refused(group, groups, refused):
    group()
    update(groups("user"), "staff", "display_name", display_name="x", revision=1)
    with refused(grpc.StatusCode.ABORTED, "STALE_REVISION"):
        update(groups("user"), "staff", "display_name", revision=1)
    for paths in ([], ["name"], ["create_time"]):
        with refused(*INVALID) as told:
            update(groups("user"), "staff", *paths)
        assert set(told.fields) == {"update_mask"}


def test_a_group_goes_with_its_memberships(group, groups, user):
    user()
    for name in ("all", "staff", "guests"):
        group(name)
    for request in (
        AddGroupMemberRequest(group="all", member_group="staff"),
        AddGroupMemberRequest(group="all", member_group="guests"),
        AddGroupMemberRequest(group="staff", user="ada"),
        AddGroupMemberRequest(group="staff", member_group="guests"),
    ):
        groups("user").AddGroupMember(request)
    assert names(groups("user"), user="ada") == ["all", "staff"]
    groups("user").DeleteGroup(DeleteGroupRequest(name="staff"))
    assert names(groups("user")) == ["all", "guests"]
    assert names(groups("user"), user="ada") == []
    (left,) = groups("user").ListGroupMembers(ListGroupMembersRequest(group="all")).members
    assert left.member_group == "guests"


def test_a_deleted_group_s_name_is_given_to_no_other(group, groups, other_tenant, refused):
    group()
    groups("user").DeleteGroup(DeleteGroupRequest(name="staff"))
    for who in ("user", "admin"):
        with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS") as told:
            group(who=who)
        assert "deleted" in told.message
    assert names(groups("admin")) == []
    group(who="other")


def test_a_large_group_goes_in_parts(group, groups, user, monkeypatch):
    monkeypatch.setattr("services.profile.handlers.groups._BATCH", 2)
    group()
    for number in range(5):
        user(f"u{number}")
        groups("user").AddGroupMember(AddGroupMemberRequest(group="staff", user=f"u{number}"))
    groups("user").DeleteGroup(DeleteGroupRequest(name="staff"))
    assert names(groups("user")) == []


def test_another_tenant_sees_and_changes_nothing(group, groups, user, other_tenant, refused):
    group()
    for call in (
        lambda stub: stub.GetGroup(GetGroupRequest(name="staff")),
        lambda stub: update(stub, "staff", "display_name"),
        lambda stub: stub.DeleteGroup(DeleteGroupRequest(name="staff")),
        lambda stub: stub.AddGroupMember(AddGroupMemberRequest(group="staff", user="admin")),
        lambda stub: stub.ListGroupMembers(ListGroupMembersRequest(group="staff")),
    ):
        with refused(*NOT_FOUND):
            call(groups("other"))
    assert names(groups("other")) == []
    assert names(groups("other"), user="ada") == []
    assert group(who="other").owner == "olga"


def test_a_list_is_paged_by_name(group, groups, user, refused):
    user()
    for name in ("c", "a", "b", "d"):
        group(name)
    for name in ("d", "b", "a"):
        groups("user").AddGroupMember(AddGroupMemberRequest(group=name, user="ada"))
    first = groups("user").ListGroups(ListGroupsRequest(page_size=3))
    last = groups("user").ListGroups(ListGroupsRequest(page_size=3, page_token=first.next_page_token))
    assert [one.name for page in (first, last) for one in page.groups] == ["a", "b", "c", "d"]
    assert last.next_page_token == ""
    mine = groups("user").ListGroups(ListGroupsRequest(page_size=2, user="ada"))
    rest = ListGroupsRequest(page_size=2, user="ada", page_token=mine.next_page_token)
    assert [one.name for one in [*mine.groups, *groups("user").ListGroups(rest).groups]] == ["a", "b", "d"]
    with refused(*INVALID) as told:
        groups("user").ListGroups(ListGroupsRequest(page_token="nonsense"))
    assert set(told.fields) == {"page_token"}


@pytest.mark.parametrize("user_name", ["nobody", "ada"])
def test_who_is_in_no_group_has_none(group, groups, user, user_name):
    user()
    group()
    assert names(groups("user"), user=user_name) == []


def test_nobody_is_refused(groups, group, refused):
    stub = groups("")
    for call in (
        lambda: group(who=""),
        lambda: stub.GetGroup(GetGroupRequest(name="staff")),
        lambda: stub.ListGroups(ListGroupsRequest()),
        lambda: update(stub, "staff", "owner"),
        lambda: stub.DeleteGroup(DeleteGroupRequest(name="staff")),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
