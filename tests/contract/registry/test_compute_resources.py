"""ComputeResourceService over gRPC."""

import grpc
import pytest

from services.registry.__main__ import wire
from vahana.registry.v1.compute_resource_pb2 import (
    CreateComputeResourceRequest,
    GetComputeResourceRequest,
    ListComputeResourcesRequest,
)
from vahana.registry.v1.compute_resource_pb2_grpc import ComputeResourceServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def create(stub, resource, request_id=""):
    request = CreateComputeResourceRequest(compute_resource=resource, request_id=request_id)
    return stub.CreateComputeResource(request).compute_resource


def test_a_host_is_stored_as_sent_and_found_again(hosts, host):
    sent = host(description="the cluster\nof the department")
    stored = create(hosts("admin"), sent)
    assert stored.create_time.seconds > 0
    assert stored.revision == 1
    found = hosts("user").GetComputeResource(GetComputeResourceRequest(name="cluster")).compute_resource
    assert found == stored
    stored.ClearField("create_time")
    stored.ClearField("revision")
    assert stored == sent


def test_what_the_service_sets_itself_is_not_taken_from_the_caller(hosts, host):
    stored = create(hosts("admin"), host(revision=7, create_time={"seconds": 1}))
    assert stored.revision == 1
    assert stored.create_time.seconds > 1


def test_every_violated_field_is_named(hosts, host, refused):
    wrong = host(
        host_keys=["ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIIaWqFhSWtCLWmnQxCx3ctKn1ZLkZ9B3OSTnMJzIRQZo"],
        scratch="/scratch/../etc",
        batch_queues=[{"name": "short"}, {"name": "short"}],
    )
    with refused(*INVALID) as told:
        create(hosts("admin"), wrong)
    assert set(told.fields) == {
        "compute_resource.host_keys[0]",
        "compute_resource.scratch",
        "compute_resource.batch_queues",
        "compute_resource.batch_queues[1].name",
    }
    assert "holds a key of type 'ssh-ed25519'" in told.fields["compute_resource.host_keys[0]"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Not Lower"}, "compute_resource.name"),
        ({"address": "no host"}, "compute_resource.address"),
        ({"port": 0}, "compute_resource.port"),
        ({"host_keys": []}, "compute_resource.host_keys"),
        ({"login": "-o"}, "compute_resource.login"),
        ({"credential_id": ""}, "compute_resource.credential_id"),
        ({"scratch": "relative"}, "compute_resource.scratch"),
        ({"job_manager": 0}, "compute_resource.job_manager"),
        ({"job_manager": 99}, "compute_resource.job_manager"),
        ({"description": "a\0b"}, "compute_resource.description"),
    ],
)
def test_a_malformed_field_is_refused_by_its_contract(hosts, host, refused, change, field):
    with refused(*INVALID) as told:
        create(hosts("admin"), host(**change))
    assert field in told.fields


def test_a_request_without_a_host_is_refused(hosts, refused):
    with refused(*INVALID) as told:
        hosts("admin").CreateComputeResource(CreateComputeResourceRequest())
    assert set(told.fields) == {"compute_resource"}


def test_a_taken_name_is_refused(hosts, host, refused):
    create(hosts("admin"), host())
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(hosts("admin"), host())


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(hosts, host, refused):
    first = create(hosts("admin"), host(), "r-1")
    assert create(hosts("admin"), host(), "r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(hosts("admin"), host(name="another"), "r-1")


def test_request_ids_belong_to_their_caller(hosts, host):
    create(hosts("admin"), host(), "r-1")
    assert create(hosts("other"), host(login="olga"), "r-1").login == "olga"


@pytest.mark.parametrize("who", ["user", "executor"])
def test_only_an_administrator_registers(hosts, host, refused, who):
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        create(hosts(who), host())


def test_another_tenant_sees_nothing_and_may_use_the_name(hosts, host, refused):
    create(hosts("admin"), host())
    with refused(*NOT_FOUND):
        hosts("other").GetComputeResource(GetComputeResourceRequest(name="cluster"))
    assert not hosts("other").ListComputeResources(ListComputeResourcesRequest()).compute_resources
    assert create(hosts("other"), host(login="olga")).login == "olga"
    assert hosts("user").GetComputeResource(GetComputeResourceRequest(name="cluster")).compute_resource.login == "ada"


def test_a_service_reads_in_the_tenant_it_names(hosts, host, refused):
    create(hosts("admin"), host())
    request = GetComputeResourceRequest(name="cluster")
    assert hosts("scheduler", "default").GetComputeResource(request).compute_resource.login == "ada"
    with refused(*NOT_FOUND):
        hosts("scheduler", "other").GetComputeResource(request)


def test_nobody_is_refused(hosts, host, refused):
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        create(hosts(""), host())
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        hosts("stranger").GetComputeResource(GetComputeResourceRequest(name="cluster"))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        hosts("").ListComputeResources(ListComputeResourcesRequest())


def test_a_list_is_paged_by_name(hosts, host, refused):
    names = [f"host-{number}" for number in range(5)]
    for name in reversed(names):
        create(hosts("admin"), host(name=name))
    found, token = [], ""
    for expected in (2, 2, 1):
        page = hosts("user").ListComputeResources(ListComputeResourcesRequest(page_size=2, page_token=token))
        assert len(page.compute_resources) == expected
        found += [resource.name for resource in page.compute_resources]
        token = page.next_page_token
    assert found == names
    assert token == ""
    for wrong in ("nonsense", "WyJhIiwiYiJd", "WyJcdWQ4MDAiXQ"):
        with refused(*INVALID) as told:
            hosts("user").ListComputeResources(ListComputeResourcesRequest(page_token=wrong))
        assert set(told.fields) == {"page_token"}
    with refused(*INVALID) as told:
        hosts("user").ListComputeResources(ListComputeResourcesRequest(page_size=1001))
    assert set(told.fields) == {"page_size"}


def test_what_was_stored_outlives_the_process(registry, hosts, host, serve):
    stored = create(hosts("admin"), host(), "r-1")
    registry.stop()
    again = serve(wire).stub(ComputeResourceServiceStub, "admin")
    assert again.GetComputeResource(GetComputeResourceRequest(name="cluster")).compute_resource == stored
    assert create(again, host(), "r-1") == stored
