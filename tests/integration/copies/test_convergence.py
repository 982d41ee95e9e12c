"""Data in common: with Kafka stopped everything goes on, and afterwards the copies are as their owners are."""

import grpc
import pytest

from tests.integration.copies.conftest import COPIED, until
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import copy_pb2 as experiment_copy_pb2
from vahana.experiment.v1 import experiment_pb2, project_pb2
from vahana.profile.v1 import group_pb2, user_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2, group_resource_profile_pb2
from vahana.registry.v1 import copy_pb2 as registry_copy_pb2

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIaWqFhSWtCLWmnQxCx3ctKn1ZLkZ9B3OSTnMJzIRQZo"


def add_host(trio, name):
    host = compute_resource_pb2.ComputeResource(
        name=name,
        address="127.0.0.1",
        port=22,
        host_keys=[HOST_KEY],
        login="ada",
        credential_id="cred-1",
        scratch="/scratch/ada",
        job_manager=task_pb2.JOB_MANAGER_FORK,
    )
    trio.hosts.CreateComputeResource(compute_resource_pb2.CreateComputeResourceRequest(compute_resource=host))


def add_application(trio, version, host):
    module = {"name": "echo", "version": version}
    pb = application_pb2
    trio.applications.CreateApplicationModule(pb.CreateApplicationModuleRequest(module=module))
    trio.applications.CreateApplicationInterface(pb.CreateApplicationInterfaceRequest(**module, interface={}))
    deployment = {"compute_resource": host, "executable": "true"}
    trio.applications.CreateApplicationDeployment(
        pb.CreateApplicationDeploymentRequest(**module, deployment=deployment)
    )


def add_people(trio, *names):
    for name in names:
        trio.users.CreateUser(user_pb2.CreateUserRequest(name=name))
        trio.groups.CreateGroup(group_pb2.CreateGroupRequest(name=f"{name}s"))
        trio.groups.AddGroupMember(group_pb2.AddGroupMemberRequest(group=f"{name}s", user=name))


def add_grant(trio, name, host, group):
    profile = {"name": name, "groups": [group], "grants": [{"compute_resource": host}]}
    trio.grants.CreateGroupResourceProfile(
        group_resource_profile_pb2.CreateGroupResourceProfileRequest(group_resource_profile=profile)
    )


def change_everything(trio):
    """Changes and deletions of every kind, on what `fill` made."""
    add_people(trio, "olga")
    mask = {"paths": ["display_name"]}
    trio.users.UpdateUser(user_pb2.UpdateUserRequest(name="ada", display_name="Ada", update_mask=mask))
    trio.groups.AddGroupMember(group_pb2.AddGroupMemberRequest(group="adas", member_group="olgas"))
    trio.groups.RemoveGroupMember(group_pb2.RemoveGroupMemberRequest(group="adas", user="ada"))
    trio.groups.DeleteGroup(group_pb2.DeleteGroupRequest(name="carls"))
    add_host(trio, "second")
    trio.hosts.UpdateComputeResource(
        compute_resource_pb2.UpdateComputeResourceRequest(
            compute_resource={"name": "first", "login": "carl"}, update_mask={"paths": ["login"]}
        )
    )
    trio.hosts.DeleteComputeResource(compute_resource_pb2.DeleteComputeResourceRequest(name="unused"))
    add_application(trio, "2", "second")
    trio.applications.DeleteApplicationDeployment(
        application_pb2.DeleteApplicationDeploymentRequest(name="echo", version="1", compute_resource="first")
    )
    trio.grants.DeleteGroupResourceProfile(
        group_resource_profile_pb2.DeleteGroupResourceProfileRequest(name="for-adas")
    )


def fill(trio):
    add_people(trio, "ada", "carl")
    for host in ("first", "unused"):
        add_host(trio, host)
    add_application(trio, "1", "first")
    add_grant(trio, "for-adas", "first", "adas")


def create_experiment(trio):
    spec = {"name": "hello", "project": "p", "application": "echo", "compute_resource": "second"}
    request = experiment_pb2.CreateExperimentRequest(spec=spec)
    return trio.experiments.CreateExperiment(request).experiment


def states(trio):
    of_registry = trio.registry_copies.ListCopies(registry_copy_pb2.ListCopiesRequest()).copies
    of_experiment = trio.experiment_copies.ListCopies(experiment_copy_pb2.ListCopiesRequest()).copies
    return {("registry", each.owner): each for each in of_registry} | {
        ("experiment", each.owner): each for each in of_experiment
    }


def whole(trio):
    return all(each.HasField("snapshot_time") for each in states(trio).values())


def all_equal(trio):
    return all(trio.equal(service) for service in COPIED)


def test_copies_follow_their_owners_and_catch_up_after_an_outage(running, stopped_kafka):
    trio = running
    until(lambda: whole(trio))
    fill(trio)
    until(lambda: all_equal(trio))
    with stopped_kafka():
        change_everything(trio)
        # What came meanwhile is used before any event told of it.
        trio.projects.CreateProject(project_pb2.CreateProjectRequest(project={"name": "p"}))
        assert create_experiment(trio).spec.application_version == "2"
        assert not all_equal(trio)
    until(lambda: all_equal(trio))
    owned = trio.owned(COPIED["experiment"])
    assert len([row for row in owned if row.deleted]) >= 5
    assert len(owned) > 15
    versions = {owner: each.version for (_, owner), each in states(trio).items()}
    until(lambda: all(each.version == versions[owner] for (_, owner), each in states(trio).items()))


def test_a_service_without_kafka_starts_fills_and_answers(trio, stopped_kafka):
    trio.start("profile", "registry")
    fill(trio)
    with stopped_kafka():
        trio.start("experiment")
        until(lambda: trio.equal("experiment"))
        change_everything(trio)
        trio.projects.CreateProject(project_pb2.CreateProjectRequest(project={"name": "p"}))
        assert create_experiment(trio).spec.application_version == "2"
    until(lambda: all_equal(trio))


def test_a_service_alone_starts_and_answers(trio):
    trio.start("profile")
    token = trio.access_token()
    trio.stop("profile")
    trio.start("experiment")
    with grpc.insecure_channel(trio.address("experiment")) as channel:
        call = channel.unary_unary(
            "/vahana.experiment.v1.ProjectService/CreateProject",
            project_pb2.CreateProjectRequest.SerializeToString,
            project_pb2.CreateProjectResponse.FromString,
        )
        request = project_pb2.CreateProjectRequest(project={"name": "p"})
        made = call(request, timeout=20, metadata=(("authorization", f"Bearer {token}"),))
    assert made.project.name == "p"


def test_a_lost_database_fills_again(running):
    trio = running
    fill(trio)
    until(lambda: all_equal(trio))
    trio.stop("experiment")
    trio.forget("experiment")
    change_everything(trio)
    trio.start("experiment")
    until(lambda: all_equal(trio))
    until(lambda: whole(trio))


@pytest.mark.parametrize("service", sorted(COPIED))
def test_rebuilt_copies_are_equal(running, service):
    trio = running
    fill(trio)
    until(lambda: all_equal(trio))
    before = states(trio)
    copies, pb = {
        "registry": (trio.registry_copies, registry_copy_pb2),
        "experiment": (trio.experiment_copies, experiment_copy_pb2),
    }[service]
    for owner in [owner for keeper, owner in before if keeper == service]:
        rebuilt = copies.RebuildCopies(pb.RebuildCopiesRequest(owner=owner)).copy
        old = before[service, owner]
        assert rebuilt.entity_count == old.entity_count
        assert rebuilt.version > old.version
        assert rebuilt.snapshot_time.ToNanoseconds() > old.snapshot_time.ToNanoseconds()
    assert all_equal(trio)
