"""ComputeResourceService over gRPC: changing hosts, and taking them off."""

import grpc
import pytest

from vahana.event.v1 import sync_pb2, task_pb2
from vahana.registry.v1.compute_resource_pb2 import (
    ComputeResource,
    CreateComputeResourceRequest,
    DeleteComputeResourceRequest,
    GetComputeResourceRequest,
    UpdateComputeResourceRequest,
)

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
STALE = (grpc.StatusCode.ABORTED, "STALE_REVISION")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
TOO_LARGE = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")


def create(stub, resource, request_id=""):
    request = CreateComputeResourceRequest(compute_resource=resource, request_id=request_id)
    return stub.CreateComputeResource(request).compute_resource


def update(stub, *paths, revision=0, **changes):
    resource = ComputeResource(**{"name": "cluster"} | changes)
    request = UpdateComputeResourceRequest(
        compute_resource=resource, update_mask={"paths": paths or list(changes)}, revision=revision
    )
    return stub.UpdateComputeResource(request).compute_resource


def delete(stub, name="cluster", revision=0):
    stub.DeleteComputeResource(DeleteComputeResourceRequest(name=name, revision=revision))


def get(stub, name="cluster"):
    return stub.GetComputeResource(GetComputeResourceRequest(name=name)).compute_resource


def told_of(published, name="cluster"):
    return published(sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE, name, ComputeResource)


def test_a_cluster_with_queues_and_logins_is_stored_as_sent(hosts, cluster, heard_of, published):
    heard_of("chemists", "physicists")
    sent = cluster(
        restricted=True,
        disabled=True,
        login_preferences=[
            {"group": "physicists", "login": "phys", "credential_id": "cred-2", "scratch": "/scratch/phys"},
            {"group": "chemists", "login": "chem"},
        ],
    )
    stored = create(hosts("admin"), sent)
    assert get(hosts("user")) == told_of(published) == stored
    stored.ClearField("create_time")
    stored.ClearField("revision")
    assert stored == sent


@pytest.mark.parametrize("manager", [task_pb2.JOB_MANAGER_SLURM, task_pb2.JOB_MANAGER_PBS, task_pb2.JOB_MANAGER_LSF])
def test_every_job_manager_may_be_registered(hosts, cluster, manager):
    assert create(hosts("admin"), cluster(job_manager=manager)).job_manager == manager


def test_a_login_preference_names_a_group_that_there_is(hosts, cluster, heard_of, refused):
    heard_of("chemists")
    logins = [{"group": "chemists", "login": "chem"}, {"group": "ghosts", "login": "boo"}]
    with refused(*INVALID) as told:
        create(hosts("admin"), cluster(login_preferences=logins))
    assert set(told.fields) == {"compute_resource.login_preferences[1].group"}
    create(hosts("admin"), cluster())
    with refused(*INVALID) as told:
        update(hosts("admin"), login_preferences=logins)
    assert set(told.fields) == {"compute_resource.login_preferences[1].group"}


def test_only_what_the_mask_names_changes(hosts, cluster, published):
    before = create(hosts("admin"), cluster(description="old"))
    after = update(hosts("admin"), "login", "disabled", login="carl", disabled=True, description="ignored", port=1)
    assert (after.login, after.disabled, after.revision) == ("carl", True, 2)
    assert get(hosts("user")) == told_of(published) == after
    after.login, after.disabled, after.revision = before.login, False, 1
    assert after == before


def test_a_masked_field_that_is_left_out_is_emptied(hosts, cluster):
    create(hosts("admin"), cluster(description="old"))
    after = update(hosts("admin"), "description", "batch_queues")
    assert after.description == ""
    assert not after.batch_queues


@pytest.mark.parametrize("path", ["name", "revision", "create_time", "nonsense", "batch_queues.name", ""])
def test_what_cannot_change_is_refused(hosts, cluster, refused, path):
    create(hosts("admin"), cluster())
    with refused(*INVALID) as told:
        update(hosts("admin"), path, login="carl")
    assert set(told.fields) == {"update_mask"}


def test_a_mask_must_name_something(hosts, cluster, refused):
    create(hosts("admin"), cluster())
    for request in (
        UpdateComputeResourceRequest(compute_resource={"name": "cluster"}),
        UpdateComputeResourceRequest(compute_resource={"name": "cluster"}, update_mask={"paths": []}),
    ):
        with refused(*INVALID) as told:
            hosts("admin").UpdateComputeResource(request)
        assert set(told.fields) == {"update_mask"}


def test_the_merged_host_keeps_every_rule(hosts, cluster, refused):
    create(hosts("admin"), cluster())
    with refused(*INVALID) as told:
        update(hosts("admin"), "port", "scratch", port=70_000, scratch="relative")
    assert set(told.fields) == {"compute_resource.port", "compute_resource.scratch"}
    with refused(*INVALID) as told:
        update(hosts("admin"), job_manager=task_pb2.JOB_MANAGER_FORK)
    assert set(told.fields) == {"compute_resource.batch_queues"}
    with refused(*INVALID) as told:
        update(hosts("admin"), "job_manager")
    assert set(told.fields) == {"compute_resource.job_manager"}
    assert get(hosts("user")).revision == 1


def test_a_request_names_the_host(hosts, refused):
    request = UpdateComputeResourceRequest(update_mask={"paths": ["login"]})
    with refused(*INVALID) as told:
        hosts("admin").UpdateComputeResource(request)
    assert set(told.fields) == {"compute_resource.name"}


def test_a_stale_revision_changes_nothing(hosts, cluster, refused):
    create(hosts("admin"), cluster())
    assert update(hosts("admin"), revision=1, login="carl").revision == 2
    with refused(*STALE):
        update(hosts("admin"), revision=1, login="dora")
    with refused(*STALE):
        delete(hosts("admin"), revision=1)
    assert get(hosts("user")).login == "carl"
    delete(hosts("admin"), revision=2)


def test_a_host_is_taken_off(hosts, cluster, refused, published):
    create(hosts("admin"), cluster())
    delete(hosts("admin"))
    assert told_of(published) is None
    for call in (lambda: get(hosts("user")), lambda: delete(hosts("admin")), lambda: update(hosts("admin"), login="x")):
        with refused(*NOT_FOUND):
            call()
    assert told_of(published) is None


def test_a_host_made_anew_is_not_changed_as_the_former_one(hosts, cluster, refused, published):
    former = create(hosts("admin"), cluster())
    former = update(hosts("admin"), login="carl")
    delete(hosts("admin"))
    new = create(hosts("admin"), cluster())
    assert new.revision > former.revision
    assert told_of(published) == get(hosts("user")) == new
    for revision in (1, former.revision):
        with refused(*STALE):
            update(hosts("admin"), revision=revision, login="dora")
        with refused(*STALE):
            delete(hosts("admin"), revision=revision)
    changed = update(hosts("admin"), revision=new.revision, login="dora")
    delete(hosts("admin"))
    assert create(hosts("admin"), cluster()).revision > changed.revision


def test_a_host_that_outgrows_a_message_is_refused(hosts, cluster, refused):
    wide = [{"name": f"q{number}", "description": "\u00e9" * 1000} for number in range(200)]
    with refused(*TOO_LARGE):
        create(hosts("admin"), cluster(batch_queues=wide))
    create(hosts("admin"), cluster())
    with refused(*TOO_LARGE):
        update(hosts("admin"), batch_queues=wide)
    assert get(hosts("user")).revision == 1


@pytest.mark.parametrize("who", ["user", "executor"])
def test_only_an_administrator_changes(hosts, cluster, refused, who):
    create(hosts("admin"), cluster())
    with refused(*DENIED):
        update(hosts(who), login="carl")
    with refused(*DENIED):
        delete(hosts(who))


def test_another_tenant_changes_nothing(hosts, cluster, refused):
    create(hosts("admin"), cluster())
    with refused(*NOT_FOUND):
        update(hosts("other"), login="carl")
    with refused(*NOT_FOUND):
        delete(hosts("other"))
    assert get(hosts("user")).revision == 1


def test_nobody_changes(hosts, refused):
    missing = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    with refused(*missing):
        update(hosts(""), login="carl")
    with refused(*missing):
        delete(hosts(""))
