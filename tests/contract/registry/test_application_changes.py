"""ApplicationService over gRPC: changing modules and deployments."""

import grpc
import pytest

from vahana.event.v1 import sync_pb2, task_pb2
from vahana.registry.v1.application_pb2 import (
    Application,
    ApplicationDeployment,
    CreateApplicationDeploymentRequest,
    CreateApplicationInterfaceRequest,
    CreateApplicationModuleRequest,
    DeleteApplicationDeploymentRequest,
    GetApplicationRequest,
    UpdateApplicationDeploymentRequest,
    UpdateApplicationModuleRequest,
)
from vahana.registry.v1.compute_resource_pb2 import CreateComputeResourceRequest, UpdateComputeResourceRequest

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
STALE = (grpc.StatusCode.ABORTED, "STALE_REVISION")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
TOO_LARGE = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
MODULE = {"name": "bowtie2", "version": "2.5.0"}


def create_module(stub, **changes):
    return stub.CreateApplicationModule(CreateApplicationModuleRequest(module=MODULE | changes)).module


def change_module(stub, *paths, revision=0, version="2.5.0", **changes):
    request = UpdateApplicationModuleRequest(
        module={"name": "bowtie2", "version": version, **changes},
        update_mask={"paths": paths or list(changes)},
        revision=revision,
    )
    return stub.UpdateApplicationModule(request).module


def deploy(stub, deployment):
    return stub.CreateApplicationDeployment(
        CreateApplicationDeploymentRequest(**MODULE, deployment=deployment)
    ).deployment


def change(stub, *paths, revision=0, **changes):
    request = UpdateApplicationDeploymentRequest(
        **MODULE,
        deployment={"compute_resource": "cluster", **changes},
        update_mask={"paths": paths or list(changes)},
        revision=revision,
    )
    return stub.UpdateApplicationDeployment(request).deployment


def take_off(stub, revision=0):
    stub.DeleteApplicationDeployment(
        DeleteApplicationDeploymentRequest(**MODULE, compute_resource="cluster", revision=revision)
    )


def get(stub, version=""):
    return stub.GetApplication(GetApplicationRequest(name="bowtie2", version=version)).application


@pytest.fixture
def told_of(published):
    """What the registry told of the module, and of its deployment on the cluster."""
    return lambda: (
        published(sync_pb2.ENTITY_KIND_APPLICATION, "bowtie2/2.5.0", Application),
        published(sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT, "bowtie2/2.5.0/cluster", ApplicationDeployment),
    )


@pytest.fixture
def queued(registered, hosts, cluster):
    """An administrator of applications, where "cluster" has queues."""
    changed = UpdateComputeResourceRequest(
        compute_resource=cluster(), update_mask={"paths": ["job_manager", "batch_queues"]}
    )
    hosts("admin").UpdateComputeResource(changed)
    return registered


def test_a_module_is_published_alone_and_again_with_its_interface(apps, interface, told_of):
    module = create_module(apps("admin"))
    assert module.revision == 1
    assert told_of()[0] == Application(module=module)
    apps("admin").CreateApplicationInterface(CreateApplicationInterfaceRequest(**MODULE, interface=interface))
    assert told_of()[0] == Application(module=module, interface=interface)


def test_a_deployment_is_published_on_its_own(registered, deployment, told_of):
    stored = deploy(registered, deployment())
    application, told = told_of()
    assert told == stored
    assert not application.deployments
    changed = change(registered, executable="bowtie2-align")
    assert told_of()[1] == changed
    take_off(registered)
    assert told_of() == (application, None)


def test_a_deployment_made_anew_is_not_changed_as_the_former_one(registered, deployment, refused, told_of):
    former = deploy(registered, deployment())
    take_off(registered)
    new = deploy(registered, deployment(executable="bowtie3"))
    assert new.revision > former.revision
    with refused(*STALE):
        change(registered, revision=former.revision, executable="bowtie2")
    with refused(*STALE):
        take_off(registered, revision=former.revision)
    assert told_of()[1] == new
    assert change(registered, revision=new.revision, executable="bowtie4").revision == new.revision + 1


def wide(bytes_of, **changes):
    """What makes a deployment take some more bytes."""
    return {"arguments": ["x" * 900] * (bytes_of // 900), **changes}


def test_an_application_with_all_its_deployments_fits_into_an_answer(
    apps, registered, hosts, host, deployment, refused
):
    names = [f"host{number}" for number in range(6)]
    for name in names:
        hosts("admin").CreateComputeResource(CreateComputeResourceRequest(compute_resource=host(name=name)))
    for name in names[:4]:
        deploy(registered, deployment(compute_resource=name, **wide(225_000)))
    for call in (
        lambda: deploy(registered, deployment(compute_resource=names[4], **wide(225_000))),
        lambda: deploy(registered, deployment(compute_resource=names[5], **wide(160_000))),
    ):
        with refused(*TOO_LARGE) as told:
            call()
        assert "bowtie2 2.5.0" in told.message
    stored = deploy(registered, deployment(compute_resource=names[4]))
    with refused(*TOO_LARGE):
        change(registered, "arguments", compute_resource=names[4], **wide(225_000))
    assert list(get(apps("user")).deployments)[4] == stored
    assert change(registered, "arguments", compute_resource=names[0], **wide(900)).revision == 2
    assert change(registered, "arguments", compute_resource=names[4], **wide(225_000)).revision == 2
    assert get(apps("user")).ByteSize() < 1024 * 1024


def test_a_module_changes_in_description_and_use_alone(apps, registered, interface, refused, told_of):
    before = get(apps("user")).module
    after = change_module(registered, "description", description="aligns reads", retired=True)
    assert (after.description, after.retired, after.revision) == ("aligns reads", False, 2)
    assert after.create_time == before.create_time
    assert get(apps("user")).module == after
    assert told_of()[0] == Application(module=after, interface=interface)
    for path in ("name", "version", "revision", "create_time", "interface"):
        with refused(*INVALID) as told:
            change_module(registered, path)
        assert set(told.fields) == {"update_mask"}
    with refused(*INVALID) as told:
        change_module(registered, description="a\0b")
    assert set(told.fields) == {"module.description"}


def test_the_latest_is_none_that_is_retired(apps, refused):
    admin = apps("admin")
    for version in ("1", "2", "3"):
        create_module(admin, version=version)
    change_module(admin, version="3", retired=True)
    assert get(apps("user")).module.version == "2"
    assert get(apps("user"), "3").module.retired
    for version in ("1", "2"):
        change_module(admin, version=version, retired=True)
    with refused(*NOT_FOUND):
        get(apps("user"))
    change_module(admin, "retired", version="1")
    assert get(apps("user")).module.version == "1"


def test_a_stale_revision_changes_nothing(apps, registered, deployment, refused):
    deploy(registered, deployment())
    change_module(registered, revision=1, description="first")
    change(registered, revision=1, executable="first")
    for call in (
        lambda: change_module(registered, revision=1, description="second"),
        lambda: change(registered, revision=1, executable="second"),
        lambda: take_off(registered, revision=1),
    ):
        with refused(*STALE):
            call()
    found = get(apps("user"))
    assert (found.module.description, found.deployments[0].executable) == ("first", "first")
    take_off(registered, revision=2)


def test_an_mpi_deployment_is_stored_as_sent(apps, queued, deployment):
    sent = deployment(
        parallelism=task_pb2.PARALLELISM_MPI,
        launcher=["mpiexec", "-n", "{resources.cpu_count}"],
        default_resources={
            "batch_queue": "large",
            "allocation": "project-1",
            "node_count": 2,
            "cpu_count": 64,
            "memory_mib": 4096,
            "wall_time": {"seconds": 1800},
            "gpu_count": 1,
        },
    )
    stored = deploy(queued, sent)
    assert list(get(apps("user")).deployments) == [stored]
    stored.ClearField("create_time")
    stored.ClearField("revision")
    assert stored == sent


def test_without_a_word_a_program_is_serial(registered, deployment):
    stored = deploy(registered, deployment(parallelism=task_pb2.PARALLELISM_UNSPECIFIED))
    assert stored.parallelism == task_pb2.PARALLELISM_SERIAL
    assert not stored.HasField("default_resources")


def test_only_what_the_mask_names_changes(apps, queued, deployment):
    before = deploy(queued, deployment())
    after = change(
        queued,
        "arguments",
        "default_resources",
        arguments=["-n", "{inputs.preset}"],
        default_resources={"batch_queue": "short"},
        executable="ignored",
    )
    assert list(after.arguments) == ["-n", "{inputs.preset}"]
    assert after.default_resources.batch_queue == "short"
    assert (after.executable, after.create_time, after.revision) == (before.executable, before.create_time, 2)
    assert list(get(apps("user")).deployments) == [after]
    assert not change(queued, "environment", "pre_job_commands").environment


def test_the_merged_deployment_keeps_every_rule(apps, queued, deployment, refused):
    stored = deploy(queued, deployment())
    with refused(*INVALID) as told:
        change(
            queued,
            "arguments",
            "parallelism",
            "default_resources",
            "module_loads",
            arguments=["{resources.cores}", "{inputs.unknown}"],
            parallelism=task_pb2.PARALLELISM_MPI,
            default_resources={"batch_queue": "quick"},
        )
    assert set(told.fields) == {
        "deployment.arguments[0]",
        "deployment.arguments[1]",
        "deployment.launcher",
        "deployment.default_resources.batch_queue",
    }
    with refused(*INVALID) as told:
        change(queued, module_loads=["-bad"])
    assert set(told.fields) == {"deployment.module_loads[0]"}
    with refused(*INVALID) as told:
        change(queued, "compute_resource")
    assert set(told.fields) == {"update_mask"}
    with refused(*TOO_LARGE):
        change(queued, arguments=["x" * 9_000] * 30)
    assert list(get(apps("user")).deployments) == [stored]


def test_what_is_not_there_cannot_change(registered, refused):
    for call in (
        lambda: change_module(registered, version="9", retired=True),
        lambda: change(registered, executable="x"),
        lambda: take_off(registered),
    ):
        with refused(*NOT_FOUND):
            call()
    with refused(*INVALID) as told:
        registered.UpdateApplicationModule(UpdateApplicationModuleRequest(update_mask={"paths": ["retired"]}))
    assert set(told.fields) == {"module.name", "module.version"}
    with refused(*INVALID) as told:
        registered.UpdateApplicationDeployment(
            UpdateApplicationDeploymentRequest(**MODULE, update_mask={"paths": ["executable"]})
        )
    assert set(told.fields) == {"deployment.compute_resource"}


@pytest.mark.parametrize(("who", "how"), [("user", DENIED), ("executor", DENIED), ("other", NOT_FOUND)])
def test_only_an_administrator_of_the_tenant_changes(apps, registered, deployment, refused, who, how):
    deploy(registered, deployment())
    for call in (
        lambda: change_module(apps(who), retired=True),
        lambda: change(apps(who), executable="x"),
        lambda: take_off(apps(who)),
    ):
        with refused(*how):
            call()
