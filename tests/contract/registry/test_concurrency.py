"""Writers at the same time, on either database."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from services.chassis.changes import REGISTRY
from services.chassis.entities import Entities
from services.registry.__main__ import wire
from services.registry.schema import metadata
from vahana.event.v1.sync_pb2 import ENTITY_KIND_APPLICATION
from vahana.registry.v1.application_pb2 import (
    Application,
    CreateApplicationDeploymentRequest,
    CreateApplicationInterfaceRequest,
    CreateApplicationModuleRequest,
    GetApplicationRequest,
    UpdateApplicationModuleRequest,
)
from vahana.registry.v1.compute_resource_pb2 import (
    CreateComputeResourceRequest,
    DeleteComputeResourceRequest,
    GetComputeResourceRequest,
    UpdateComputeResourceRequest,
)

WRITERS = 8


@pytest.fixture
def registry(serve, database_url):
    return serve(wire, database_url=database_url, profile_address="127.0.0.1:1")


def at_once(calls):
    """Make the calls at the same time; return what each gave, its answer or the code it was refused with."""

    def outcome(call):
        try:
            return call()
        except grpc.RpcError as error:
            return error.code()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def versions(registry):
    """The owner's count, and the versions of all entities it told of."""
    with registry.chassis.db.read() as tx:
        entities = Entities(metadata)
        return entities.state(tx, REGISTRY).version, [one.version for one in entities.page(tx, REGISTRY, None, 1000)]


def test_of_changes_at_one_revision_one_wins(registry, hosts, host):
    stub = hosts("admin")
    stub.CreateComputeResource(CreateComputeResourceRequest(compute_resource=host()))

    def change(number):
        return UpdateComputeResourceRequest(
            compute_resource={"name": "cluster", "login": f"user{number}"}, update_mask={"paths": ["login"]}, revision=1
        )

    got = at_once([lambda n=n: stub.UpdateComputeResource(change(n)) for n in range(WRITERS)])
    assert got.count(grpc.StatusCode.ABORTED) == WRITERS - 1
    (won,) = (one.compute_resource for one in got if one is not grpc.StatusCode.ABORTED)
    assert won.revision == 2
    assert stub.GetComputeResource(GetComputeResourceRequest(name="cluster")).compute_resource == won
    newest, told = versions(registry)
    assert told == [newest]


def test_changes_at_any_revision_all_count(registry, hosts, host):
    stub = hosts("admin")
    stub.CreateComputeResource(CreateComputeResourceRequest(compute_resource=host()))

    def change(path, value):
        return UpdateComputeResourceRequest(
            compute_resource={"name": "cluster", path: value}, update_mask={"paths": [path]}
        )

    changes = [("login", "carl"), ("scratch", "/new"), ("description", "new"), ("restricted", True), ("port", 2222)]
    at_once([lambda each=each: stub.UpdateComputeResource(change(*each)) for each in changes])
    found = stub.GetComputeResource(GetComputeResourceRequest(name="cluster")).compute_resource
    assert all(getattr(found, path) == value for path, value in changes)
    assert found.revision == 1 + len(changes)


def test_repeats_at_once_are_answered_alike(hosts, host):
    stub = hosts("admin")
    request = CreateComputeResourceRequest(compute_resource=host(), request_id="r-1")
    got = at_once([lambda: stub.CreateComputeResource(request) for _ in range(WRITERS)])
    answers = {one.SerializeToString() for one in got if not isinstance(one, grpc.StatusCode)}
    assert len(answers) == 1
    assert not any(isinstance(one, grpc.StatusCode) for one in got)
    assert stub.CreateComputeResource(request).SerializeToString() in answers


def test_a_host_is_deployed_on_or_taken_off_and_never_both(apps, registered, hosts, host, deployment):
    for number in range(5):
        name = f"host{number}"
        hosts("admin").CreateComputeResource(CreateComputeResourceRequest(compute_resource=host(name=name)))
        deploy = CreateApplicationDeploymentRequest(
            name="bowtie2", version="2.5.0", deployment=deployment(compute_resource=name)
        )
        deployed, gone = at_once(
            [
                lambda deploy=deploy: registered.CreateApplicationDeployment(deploy),
                lambda name=name: hosts("admin").DeleteComputeResource(DeleteComputeResourceRequest(name=name)),
            ]
        )
        outcome = (deployed is grpc.StatusCode.NOT_FOUND, gone is grpc.StatusCode.FAILED_PRECONDITION)
        assert outcome in {(True, False), (False, True)}
    found = apps("user").GetApplication(GetApplicationRequest(name="bowtie2")).application
    for one in found.deployments:
        hosts("user").GetComputeResource(GetComputeResourceRequest(name=one.compute_resource))


def test_a_change_of_a_module_keeps_the_interface_given_meanwhile(apps, interface, published):
    admin = apps("admin")
    for number in range(5):
        module = {"name": "bowtie2", "version": str(number)}
        admin.CreateApplicationModule(CreateApplicationModuleRequest(module=module))
        change = UpdateApplicationModuleRequest(
            module={**module, "description": "new"}, update_mask={"paths": ["description"]}
        )
        at_once(
            [
                lambda change=change: admin.UpdateApplicationModule(change),
                lambda module=module: admin.CreateApplicationInterface(
                    CreateApplicationInterfaceRequest(**module, interface=interface)
                ),
            ]
        )
        found = admin.GetApplication(GetApplicationRequest(**module)).application
        assert found.interface == interface
        assert found.module.description == "new"
        assert published(ENTITY_KIND_APPLICATION, f"bowtie2/{number}", Application) == found
