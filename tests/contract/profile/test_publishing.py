"""What profile tells the other services, in the transactions that change it."""

import grpc
import pytest
from sqlalchemy import delete, func, select

from services.chassis.entities import Entities
from services.profile.__main__ import wire
from services.profile.schema import metadata
from vahana.event.v1 import event_pb2, sync_pb2
from vahana.profile.v1 import group_pb2, tenant_pb2, user_pb2
from vahana.profile.v1.group_pb2_grpc import GroupServiceStub
from vahana.profile.v1.tenant_pb2_grpc import TenantServiceStub
from vahana.profile.v1.user_pb2_grpc import UserServiceStub

KINDS = {
    sync_pb2.ENTITY_KIND_TENANT: tenant_pb2.Tenant,
    sync_pb2.ENTITY_KIND_USER: user_pb2.User,
    sync_pb2.ENTITY_KIND_GROUP: group_pb2.Group,
    sync_pb2.ENTITY_KIND_GROUP_MEMBER: group_pb2.GroupMember,
}
OUTBOX, ENTITY = metadata.tables["outbox"], metadata.tables["entity"]


def told(profile):
    """All that went into the outbox, in its order."""
    with profile.chassis.db.read() as tx:
        values = tx.execute(select(OUTBOX.c.value).order_by(OUTBOX.c.id)).scalars().all()
    return [event_pb2.Envelope.FromString(value).entity_changed for value in values]


def keys(changes):
    return [(one.kind, one.tenant, one.name, one.parent, one.deleted) for one in changes]


def stored(profile, kind, name, tenant="default"):
    with profile.chassis.db.read() as tx:
        return Entities(metadata).find(tx, kind, tenant, name, KINDS[kind])


@pytest.fixture
def since(profile):
    """`since()`: what was told since it was last asked."""
    seen = len(told(profile))

    def fresh():
        nonlocal seen
        before, changes = seen, told(profile)
        seen = len(changes)
        return changes[before:]

    return fresh


def test_the_first_tenant_and_user_are_published_once(profile, serve):
    first = [
        (sync_pb2.ENTITY_KIND_TENANT, "default", "default", "", False),
        (sync_pb2.ENTITY_KIND_USER, "default", "admin", "", False),
    ]
    assert keys(told(profile)) == first
    profile.stop()
    assert keys(told(serve(wire))) == first


def test_tenants_and_users_are_published_as_callers_see_them(profile, tenants, users, user, since):
    tenant = tenants("admin").CreateTenant(tenant_pb2.CreateTenantRequest(name="other", administrator="olga")).tenant
    olga = users("other").GetUser(user_pb2.GetUserRequest()).user
    ada = user()
    assert keys(since()) == [
        (sync_pb2.ENTITY_KIND_TENANT, "other", "other", "", False),
        (sync_pb2.ENTITY_KIND_USER, "other", "olga", "", False),
        (sync_pb2.ENTITY_KIND_USER, "default", "ada", "", False),
    ]
    assert stored(profile, sync_pb2.ENTITY_KIND_TENANT, "other", "other") == tenant
    assert stored(profile, sync_pb2.ENTITY_KIND_USER, "olga", "other") == olga
    assert stored(profile, sync_pb2.ENTITY_KIND_USER, "ada") == ada


def test_changes_are_published(profile, tenants, users, since):
    mask = {"paths": ["display_name"]}
    tenant = tenants("admin").UpdateTenant(tenant_pb2.UpdateTenantRequest(display_name="x", update_mask=mask)).tenant
    user = users("admin").UpdateUser(user_pb2.UpdateUserRequest(display_name="y", update_mask=mask)).user
    changes = since()
    assert keys(changes) == [
        (sync_pb2.ENTITY_KIND_TENANT, "default", "default", "", False),
        (sync_pb2.ENTITY_KIND_USER, "default", "admin", "", False),
    ]
    assert changes[0].version < changes[1].version
    assert stored(profile, sync_pb2.ENTITY_KIND_TENANT, "default") == tenant
    assert stored(profile, sync_pb2.ENTITY_KIND_USER, "admin") == user


def test_groups_and_memberships_are_published(profile, group, groups, user, since):
    user()
    made = [group("all"), group("staff")]
    stub = groups("user")
    nested = stub.AddGroupMember(group_pb2.AddGroupMemberRequest(group="all", member_group="staff")).member
    member = stub.AddGroupMember(group_pb2.AddGroupMemberRequest(group="staff", user="ada")).member
    stub.AddGroupMember(group_pb2.AddGroupMemberRequest(group="staff", user="ada"))
    group_kind, member_kind = sync_pb2.ENTITY_KIND_GROUP, sync_pb2.ENTITY_KIND_GROUP_MEMBER
    assert keys(since())[1:] == [
        (group_kind, "default", "all", "", False),
        (group_kind, "default", "staff", "", False),
        (member_kind, "default", "all/group:staff", "group:staff", False),
        (member_kind, "default", "staff/user:ada", "user:ada", False),
    ]
    assert stored(profile, group_kind, "staff") == made[1]
    with profile.chassis.db.read() as tx:
        for parent, message in (("group:staff", nested), ("user:ada", member)):
            found = Entities(metadata).children(tx, member_kind, "default", parent, group_pb2.GroupMember)
            assert found == [message]
    stub.RemoveGroupMember(group_pb2.RemoveGroupMemberRequest(group="staff", user="ada"))
    stub.DeleteGroup(group_pb2.DeleteGroupRequest(name="staff"))
    assert keys(since()) == [
        (member_kind, "default", "staff/user:ada", "user:ada", True),
        (member_kind, "default", "all/group:staff", "group:staff", True),
        (group_kind, "default", "staff", "", True),
    ]
    assert stored(profile, group_kind, "staff") is None


def test_a_refused_change_tells_nothing(profile, user, users, refused, since):
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        user("admin")
    user("ada", request_id="r-1")
    user("ada", request_id="r-1")
    assert len(since()) == 1


def test_what_an_older_version_stored_is_published_at_start(profile, serve, user, monkeypatch):
    monkeypatch.setattr("services.profile.handlers.opening._BATCH", 2)
    users = {user(f"u{number}").name for number in range(5)} | {"admin"}
    with profile.chassis.db.write() as tx:
        for table in (OUTBOX, ENTITY):
            tx.execute(delete(table))
    profile.stop()
    again = serve(wire)
    changes = told(again)
    assert {one.name for one in changes if one.kind == sync_pb2.ENTITY_KIND_USER} == users
    assert len(changes) == len(users) + 1
    assert len({one.version for one in changes}) == len(changes)


def test_the_same_on_either_database(serve, database_url):
    profile = serve(wire, database_url=database_url)
    profile.stub(TenantServiceStub, "admin").CreateTenant(tenant_pb2.CreateTenantRequest(name="other"))
    profile.stub(UserServiceStub, "admin").CreateUser(user_pb2.CreateUserRequest(name="ada"))
    groups = profile.stub(GroupServiceStub, "user")
    groups.CreateGroup(group_pb2.CreateGroupRequest(name="staff"))
    groups.AddGroupMember(group_pb2.AddGroupMemberRequest(group="staff", user="ada"))
    assert [one.name for one in groups.ListGroups(group_pb2.ListGroupsRequest(user="ada")).groups] == ["staff"]
    assert len(groups.ListGroupMembers(group_pb2.ListGroupMembersRequest(group="staff")).members) == 1
    with profile.chassis.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(ENTITY)).scalar_one() == 6
    versions = [one.version for one in told(profile)]
    assert len(versions) == 6
    assert versions == sorted(set(versions))
