"""What other things name stays: hosts, and their queues."""

import grpc
import pytest

from vahana.registry.v1.application_pb2 import (
    CreateApplicationDeploymentRequest,
    DeleteApplicationDeploymentRequest,
    UpdateApplicationDeploymentRequest,
)
from vahana.registry.v1.compute_resource_pb2 import (
    DeleteComputeResourceRequest,
    GetComputeResourceRequest,
    UpdateComputeResourceRequest,
)
from vahana.registry.v1.group_resource_profile_pb2 import (
    CreateGroupResourceProfileRequest,
    DeleteGroupResourceProfileRequest,
    UpdateGroupResourceProfileRequest,
)

IN_USE = (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
MODULE = {"name": "bowtie2", "version": "2.5.0"}


@pytest.fixture
def admin(hosts, registered, cluster):
    """An administrator's way to hosts, where "cluster" has queues."""
    stub = hosts("admin")
    change(stub, cluster().batch_queues, job_manager=cluster().job_manager)
    return stub


def change(stub, queues, **changes):
    resource = {"name": "cluster", "batch_queues": queues, **changes}
    mask = {"paths": ["batch_queues", *changes]}
    stub.UpdateComputeResource(UpdateComputeResourceRequest(compute_resource=resource, update_mask=mask))


def take_off(stub):
    stub.DeleteComputeResource(DeleteComputeResourceRequest(name="cluster"))


def queues(stub):
    found = stub.GetComputeResource(GetComputeResourceRequest(name="cluster")).compute_resource
    return [queue.name for queue in found.batch_queues]


def grant(stub, name="chemistry", **changes):
    profile = {"name": name, "groups": ["chemists"], "grants": [{"compute_resource": "cluster"} | changes]}
    stub.CreateGroupResourceProfile(CreateGroupResourceProfileRequest(group_resource_profile=profile))


def test_a_host_with_a_deployment_stays(admin, apps, deployment, refused):
    apps("admin").CreateApplicationDeployment(CreateApplicationDeploymentRequest(**MODULE, deployment=deployment()))
    with refused(*IN_USE) as told:
        take_off(admin)
    assert "deployments of bowtie2 2.5.0" in told.message
    apps("admin").DeleteApplicationDeployment(DeleteApplicationDeploymentRequest(**MODULE, compute_resource="cluster"))
    take_off(admin)


def test_a_host_that_is_granted_stays(admin, profiles, heard_of, refused):
    heard_of("chemists")
    for number in range(12):
        grant(profiles("admin"), f"p{number:02}")
    with refused(*IN_USE) as told:
        take_off(admin)
    assert "group resource profiles p00, p01" in told.message
    assert "and 2 more" in told.message
    for number in range(12):
        profiles("admin").DeleteGroupResourceProfile(DeleteGroupResourceProfileRequest(name=f"p{number:02}"))
    take_off(admin)


def test_a_queue_that_is_granted_stays(admin, profiles, heard_of, refused):
    heard_of("chemists")
    grant(profiles("admin"), batch_queues=["large"])
    with refused(*IN_USE) as told:
        change(admin, [{"name": "short"}])
    assert "(large)" in told.message
    assert "chemistry" in told.message
    change(admin, [{"name": "large"}])
    assert queues(admin) == ["large"]
    wider = {"name": "chemistry", "grants": [{"compute_resource": "cluster"}]}
    profiles("admin").UpdateGroupResourceProfile(
        UpdateGroupResourceProfileRequest(group_resource_profile=wider, update_mask={"paths": ["grants"]})
    )
    change(admin, [])
    assert queues(admin) == []


def test_a_queue_that_is_a_deployments_default_stays(admin, apps, deployment, refused):
    sent = deployment(default_resources={"batch_queue": "short"})
    apps("admin").CreateApplicationDeployment(CreateApplicationDeploymentRequest(**MODULE, deployment=sent))
    with refused(*IN_USE) as told:
        change(admin, [{"name": "large"}])
    assert "deployments of bowtie2 2.5.0" in told.message
    apps("admin").UpdateApplicationDeployment(
        UpdateApplicationDeploymentRequest(
            **MODULE, deployment={"compute_resource": "cluster"}, update_mask={"paths": ["default_resources"]}
        )
    )
    change(admin, [{"name": "large"}])
