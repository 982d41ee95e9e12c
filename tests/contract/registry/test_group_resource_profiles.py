"""GroupResourceProfileService over gRPC."""

import grpc
import pytest

from services.registry.__main__ import wire
from vahana.event.v1 import sync_pb2
from vahana.registry.v1.compute_resource_pb2 import CreateComputeResourceRequest
from vahana.registry.v1.group_resource_profile_pb2 import (
    CreateGroupResourceProfileRequest,
    DeleteGroupResourceProfileRequest,
    GetGroupResourceProfileRequest,
    GroupResourceProfile,
    ListGroupResourceProfilesRequest,
    UpdateGroupResourceProfileRequest,
)
from vahana.registry.v1.group_resource_profile_pb2_grpc import GroupResourceProfileServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
STALE = (grpc.StatusCode.ABORTED, "STALE_REVISION")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


@pytest.fixture
def admin(profiles, hosts, host, cluster, heard_of):
    """An administrator, where there are groups, a host without queues and one with some."""
    heard_of("chemists", "physicists")
    for resource in (cluster(), host(name="workstation")):
        hosts("admin").CreateComputeResource(CreateComputeResourceRequest(compute_resource=resource))
    return profiles("admin")


def profile(**changes):
    usual = {
        "name": "chemistry",
        "groups": ["chemists"],
        "grants": [
            {
                "compute_resource": "cluster",
                "batch_queues": ["large", "short"],
                "allocations": ["project-1"],
                "max_node_count": 4,
                "max_cpu_count": 256,
                "max_memory_mib": 65_536,
                "max_wall_time": {"seconds": 7200},
                "max_gpu_count": 2,
            },
            {"compute_resource": "workstation"},
        ],
    }
    return GroupResourceProfile(**usual | changes)


def create(stub, sent, request_id=""):
    request = CreateGroupResourceProfileRequest(group_resource_profile=sent, request_id=request_id)
    return stub.CreateGroupResourceProfile(request).group_resource_profile


def update(stub, *paths, revision=0, **changes):
    request = UpdateGroupResourceProfileRequest(
        group_resource_profile={"name": "chemistry", **changes},
        update_mask={"paths": paths or list(changes)},
        revision=revision,
    )
    return stub.UpdateGroupResourceProfile(request).group_resource_profile


def get(stub, name="chemistry"):
    return stub.GetGroupResourceProfile(GetGroupResourceProfileRequest(name=name)).group_resource_profile


def delete(stub, revision=0):
    stub.DeleteGroupResourceProfile(DeleteGroupResourceProfileRequest(name="chemistry", revision=revision))


def told_of(published):
    return published(sync_pb2.ENTITY_KIND_GROUP_RESOURCE_PROFILE, "chemistry", GroupResourceProfile)


def test_a_profile_is_stored_as_sent_and_found_by_all(admin, profiles, published):
    stored = create(admin, profile(description="two groups' share"))
    assert stored.revision == 1
    assert stored.create_time.seconds > 0
    assert get(profiles("user")) == told_of(published) == stored
    stored.ClearField("create_time")
    stored.ClearField("revision")
    assert stored == profile(description="two groups' share")


def test_what_is_unknown_is_named(admin, refused):
    wrong = profile(
        groups=["chemists", "ghosts"],
        grants=[
            {"compute_resource": "elsewhere"},
            {"compute_resource": "workstation", "batch_queues": ["short"]},
            {"compute_resource": "cluster", "batch_queues": ["short", "quick"]},
        ],
    )
    with refused(*INVALID) as told:
        create(admin, wrong)
    assert set(told.fields) == {
        "group_resource_profile.groups[1]",
        "group_resource_profile.grants[0].compute_resource",
        "group_resource_profile.grants[1].batch_queues[0]",
        "group_resource_profile.grants[2].batch_queues[1]",
    }


def test_while_nobody_knows_the_groups_a_profile_waits(serve, refused):
    alone = serve(wire, profile_address="127.0.0.1:1").stub(GroupResourceProfileServiceStub, "admin")
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        create(alone, profile())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "no spaces"}, "name"),
        ({"groups": []}, "groups"),
        ({"grants": []}, "grants"),
        ({"grants": [{"compute_resource": ""}]}, "grants[0].compute_resource"),
        ({"grants": [{"compute_resource": "cluster", "max_node_count": 1_000_001}]}, "grants[0].max_node_count"),
        ({"grants": [{"compute_resource": "cluster", "max_memory_mib": 2**63}]}, "grants[0].max_memory_mib"),
        ({"grants": [{"compute_resource": "cluster", "max_wall_time": {"nanos": 5_000}}]}, "grants[0].max_wall_time"),
        ({"description": "a\0b"}, "description"),
    ],
)
def test_a_malformed_field_is_refused(admin, refused, change, field):
    with refused(*INVALID) as told:
        create(admin, profile(**change))
    assert set(told.fields) == {f"group_resource_profile.{field}"}


def test_a_taken_name_is_refused(admin, refused):
    create(admin, profile())
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(admin, profile())


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(admin, refused):
    first = create(admin, profile(), "r-1")
    update(admin, description="changed since")
    assert create(admin, profile(), "r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(admin, profile(name="another"), "r-1")


def test_only_what_the_mask_names_changes(admin, published):
    before = create(admin, profile(description="old"))
    after = update(admin, "groups", groups=["physicists", "chemists"], description="ignored")
    assert list(after.groups) == ["physicists", "chemists"]
    assert (after.description, after.revision, after.grants) == ("old", 2, before.grants)
    after = update(admin, grants=[{"compute_resource": "workstation", "max_cpu_count": 8}])
    assert [grant.compute_resource for grant in after.grants] == ["workstation"]
    assert get(admin) == told_of(published) == after


def test_an_update_keeps_every_rule(admin, refused):
    create(admin, profile())
    with refused(*INVALID) as told:
        update(admin, groups=["ghosts"])
    assert set(told.fields) == {"group_resource_profile.groups[0]"}
    with refused(*INVALID) as told:
        update(admin, "grants")
    assert set(told.fields) == {"group_resource_profile.grants"}
    with refused(*INVALID) as told:
        update(admin, "name")
    assert set(told.fields) == {"update_mask"}
    assert get(admin).revision == 1


def test_a_stale_revision_changes_nothing(admin, refused):
    create(admin, profile())
    update(admin, revision=1, description="first")
    with refused(*STALE):
        update(admin, revision=1, description="second")
    with refused(*STALE):
        delete(admin, revision=1)
    assert get(admin).description == "first"


def test_a_profile_is_removed(admin, refused, published):
    create(admin, profile())
    delete(admin, revision=1)
    assert told_of(published) is None
    for call in (lambda: get(admin), lambda: delete(admin), lambda: update(admin, description="x")):
        with refused(*NOT_FOUND):
            call()
    with refused(*STALE):
        update(admin, description="x", revision=create(admin, profile()).revision - 1)
    with refused(*STALE):
        update(admin, description="x", revision=1)


def test_only_an_administrator_writes(admin, profiles, refused):
    create(admin, profile())
    for call in (
        lambda: create(profiles("user"), profile(name="another")),
        lambda: update(profiles("user"), description="x"),
        lambda: delete(profiles("user")),
    ):
        with refused(*DENIED):
            call()


def test_another_tenant_sees_nothing_and_names_nothing(admin, profiles, refused):
    create(admin, profile())
    other = profiles("other")
    for call in (lambda: get(other), lambda: delete(other), lambda: update(other, description="x")):
        with refused(*NOT_FOUND):
            call()
    assert not other.ListGroupResourceProfiles(ListGroupResourceProfilesRequest()).group_resource_profiles
    with refused(*INVALID) as told:
        create(other, profile(name="another", grants=[{"compute_resource": "cluster"}]))
    assert set(told.fields) == {
        "group_resource_profile.groups[0]",
        "group_resource_profile.grants[0].compute_resource",
    }


def test_a_list_is_paged_by_name(admin, profiles, refused):
    for name in ("c", "a", "b"):
        create(admin, profile(name=name))
    stub, found, token = profiles("user"), [], ""
    for expected in (2, 1):
        page = stub.ListGroupResourceProfiles(ListGroupResourceProfilesRequest(page_size=2, page_token=token))
        assert len(page.group_resource_profiles) == expected
        found += [(one.name, len(one.grants)) for one in page.group_resource_profiles]
        token = page.next_page_token
    assert (found, token) == ([("a", 2), ("b", 2), ("c", 2)], "")
    with refused(*INVALID) as told:
        stub.ListGroupResourceProfiles(ListGroupResourceProfilesRequest(page_token="nonsense"))
    assert set(told.fields) == {"page_token"}
