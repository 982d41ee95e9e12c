"""ApplicationService over gRPC."""

import grpc
import pytest

from vahana.registry.v1 import application_pb2
from vahana.registry.v1.application_pb2 import (
    CreateApplicationDeploymentRequest,
    CreateApplicationInterfaceRequest,
    CreateApplicationModuleRequest,
    GetApplicationRequest,
    ListApplicationsRequest,
)

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
EXISTS = (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
REUSED = (grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
MODULE = {"name": "bowtie2", "version": "2.5.0"}


def create_module(stub, request_id="", **changes):
    request = CreateApplicationModuleRequest(module=MODULE | changes, request_id=request_id)
    return stub.CreateApplicationModule(request).module


def create_interface(stub, interface, request_id="", **changes):
    request = CreateApplicationInterfaceRequest(**MODULE | changes, interface=interface, request_id=request_id)
    return stub.CreateApplicationInterface(request).interface


def deploy(stub, deployment, request_id="", **changes):
    request = CreateApplicationDeploymentRequest(**MODULE | changes, deployment=deployment, request_id=request_id)
    return stub.CreateApplicationDeployment(request).deployment


def get(stub, name="bowtie2", version=""):
    return stub.GetApplication(GetApplicationRequest(name=name, version=version)).application


def test_an_application_is_stored_as_sent_and_found_whole(apps, registered, interface, deployment):
    sent = deployment()
    stored = deploy(registered, sent)
    found = get(apps("user"))
    assert found.module.name == "bowtie2"
    assert found.module.create_time.seconds > 0
    assert found.interface == interface
    assert list(found.deployments) == [stored]
    assert stored.revision == 1
    stored.ClearField("create_time")
    stored.ClearField("revision")
    assert stored == sent


def test_a_module_alone_has_no_interface(apps):
    create_module(apps("admin"))
    found = get(apps("user"))
    assert not found.HasField("interface")
    assert not found.deployments


def test_an_empty_interface_is_one(apps):
    create_module(apps("admin"))
    create_interface(apps("admin"), application_pb2.ApplicationInterface())
    assert get(apps("user")).HasField("interface")


def test_without_a_version_the_one_registered_last_is_found(apps):
    for version in ("2.0", "10.0", "1.9"):
        create_module(apps("admin"), version=version)
    assert get(apps("user")).module.version == "1.9"
    assert get(apps("user"), version="10.0").module.version == "10.0"


def test_unknown_things_are_not_found(apps, registered, interface, deployment, refused):
    with refused(*NOT_FOUND):
        get(apps("user"), "unknown")
    with refused(*NOT_FOUND):
        get(apps("user"), version="9")
    with refused(*NOT_FOUND):
        create_interface(registered, interface, version="9")
    with refused(*NOT_FOUND) as told:
        deploy(registered, deployment(), version="9")
    assert "application module" in told.message
    with refused(*NOT_FOUND) as told:
        deploy(registered, deployment(compute_resource="elsewhere"))
    assert "compute resource 'elsewhere'" in told.message


def test_a_deployment_needs_an_interface(apps, registered, deployment, refused):
    create_module(registered, version="3")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as told:
        deploy(registered, deployment(), version="3")
    assert "no interface" in told.message


def test_what_exists_is_not_created_again(registered, interface, deployment, refused):
    deploy(registered, deployment())
    with refused(*EXISTS):
        create_module(registered)
    with refused(*EXISTS):
        create_interface(registered, interface)
    with refused(*EXISTS):
        deploy(registered, deployment())


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(apps, registered, interface, deployment, refused):
    first = create_module(registered, "r-1", version="3")
    assert create_module(registered, "r-1", version="3") == first
    with refused(*REUSED):
        create_module(registered, "r-1", version="4")
    create_interface(registered, interface, "r-1", version="3")
    assert create_interface(registered, interface, "r-1", version="3") == interface
    with refused(*REUSED):
        create_interface(registered, application_pb2.ApplicationInterface(), "r-1", version="3")
    first = deploy(registered, deployment(), "r-1")
    assert deploy(registered, deployment(), "r-1") == first
    with refused(*REUSED):
        deploy(registered, deployment(executable="other"), "r-1")


def test_every_violated_field_of_an_interface_is_named(apps, refused):
    create_module(apps("admin"))
    wrong = application_pb2.ApplicationInterface(
        inputs=[
            {"name": "seed", "type": application_pb2.DATA_TYPE_INTEGER, "required": True, "default_value": "x"},
            {"name": "seed", "type": application_pb2.DATA_TYPE_FLOAT, "choices": ["1.5", "many"], "default_value": "2"},
            {"name": "file", "type": application_pb2.DATA_TYPE_URI, "default_value": "a"},
        ],
        outputs=[
            {"name": "log", "type": application_pb2.DATA_TYPE_STDOUT, "file": "logs/out"},
            {"name": "log", "type": application_pb2.DATA_TYPE_STDOUT, "file": "out"},
            {"name": "up", "type": application_pb2.DATA_TYPE_URI, "file": "../../etc/passwd"},
            {"name": "root", "type": application_pb2.DATA_TYPE_URI, "file": "/etc/passwd"},
            {"name": "nul", "type": application_pb2.DATA_TYPE_URI, "file": "a\0b"},
        ],
    )
    with refused(*INVALID) as told:
        create_interface(apps("admin"), wrong)
    assert set(told.fields) == {
        "interface.inputs[0].default_value",
        "interface.inputs[1].name",
        "interface.inputs[1].choices[1]",
        "interface.inputs[1].default_value",
        "interface.inputs[2].default_value",
        "interface.outputs[0].file",
        "interface.outputs[1].name",
        "interface.outputs[1].type",
        "interface.outputs[2].file",
        "interface.outputs[3].file",
        "interface.outputs[4].file",
    }


@pytest.mark.parametrize(
    ("given", "made", "field"),
    [
        ({"name": "1st", "type": 1}, {}, "interface.inputs[0].name"),
        ({"name": "out", "type": application_pb2.DATA_TYPE_STDOUT}, {}, "interface.inputs[0].type"),
        ({"name": "none", "type": 0}, {}, "interface.inputs[0].type"),
        ({}, {"name": "out", "type": application_pb2.DATA_TYPE_STRING, "file": "x"}, "interface.outputs[0].type"),
        ({}, {"name": "out", "type": application_pb2.DATA_TYPE_URI, "file": ""}, "interface.outputs[0].file"),
    ],
)
def test_a_malformed_interface_is_refused_by_its_contract(apps, refused, given, made, field):
    create_module(apps("admin"))
    wrong = application_pb2.ApplicationInterface(inputs=[given] if given else [], outputs=[made] if made else [])
    with refused(*INVALID) as told:
        create_interface(apps("admin"), wrong)
    assert set(told.fields) == {field}


def test_every_violated_field_of_a_deployment_is_named(registered, deployment, refused):
    wrong = deployment(
        executable="bin/bowtie2",
        arguments=["{inputs.unknown}", "{reads}", "{inputs.reads}"],
        environment=[{"name": "1ST", "value": "x"}, {"name": "A", "value": "a\0b"}, {"name": "A", "value": ""}],
        pre_job_commands=[{"arguments": []}],
        post_job_commands=[{"arguments": ["gzip", "{"]}],
        command_timeout={"seconds": -1},
    )
    with refused(*INVALID) as told:
        deploy(registered, wrong)
    assert set(told.fields) == {
        "deployment.executable",
        "deployment.arguments[0]",
        "deployment.arguments[1]",
        "deployment.environment[0].name",
        "deployment.environment[1].value",
        "deployment.environment[2].name",
        "deployment.pre_job_commands[0].arguments",
        "deployment.post_job_commands[0].arguments[1]",
        "deployment.command_timeout",
    }
    assert "reference" in told.fields["deployment.arguments[0]"]


def test_a_malformed_module_is_refused_by_its_contract(apps, refused):
    with refused(*INVALID) as told:
        create_module(apps("admin"), name="Upper", version="")
    assert set(told.fields) == {"module.name", "module.version"}


def test_too_large_an_interface_is_refused(apps, refused):
    create_module(apps("admin"))
    many = [f"{number:05}" for number in range(1000)]
    wide = [{"name": f"i{number}", "type": 1, "choices": many} for number in range(50)]
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        create_interface(apps("admin"), application_pb2.ApplicationInterface(inputs=wide))


@pytest.mark.parametrize("who", ["user", "executor"])
def test_only_an_administrator_registers(apps, registered, interface, deployment, refused, who):
    stub = apps(who)
    for call in (
        lambda: create_module(stub, version="3"),
        lambda: create_interface(stub, interface),
        lambda: deploy(stub, deployment()),
    ):
        with refused(*DENIED):
            call()


def test_another_tenant_sees_nothing(apps, registered, interface, deployment, refused):
    deploy(registered, deployment())
    other = apps("other")
    with refused(*NOT_FOUND):
        get(other)
    with refused(*NOT_FOUND):
        create_interface(other, interface)
    with refused(*NOT_FOUND):
        deploy(other, deployment())
    assert not other.ListApplications(ListApplicationsRequest()).applications
    create_module(other)
    create_interface(other, interface)
    with refused(*NOT_FOUND):
        deploy(other, deployment())
    assert not get(other).deployments


def test_nobody_is_refused(apps, interface, deployment, refused):
    stub = apps("")
    for call in (
        lambda: create_module(stub),
        lambda: create_interface(stub, interface),
        lambda: deploy(stub, deployment()),
        lambda: get(stub),
        lambda: stub.ListApplications(ListApplicationsRequest()),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()


def test_a_list_is_paged_by_name_and_version(apps, registered, interface, deployment, refused):
    deploy(registered, deployment())
    create_module(registered, version="2.6.0")
    create_module(registered, name="aligner", version="9")
    found, token = [], ""
    for _ in range(3):
        page = apps("user").ListApplications(ListApplicationsRequest(page_size=1, page_token=token))
        found += page.applications
        token = page.next_page_token
    assert [(one.module.name, one.module.version) for one in found] == [
        ("aligner", "9"),
        ("bowtie2", "2.5.0"),
        ("bowtie2", "2.6.0"),
    ]
    assert [len(one.deployments) for one in found] == [0, 1, 0]
    assert found[1] == get(apps("user"), version="2.5.0")
    assert token == ""
    with refused(*INVALID) as told:
        apps("user").ListApplications(ListApplicationsRequest(page_token="WyJhIl0"))
    assert set(told.fields) == {"page_token"}


def test_a_page_ends_before_it_outgrows_a_message(apps):
    long = ["x" * 9_990 + f"{number}" for number in range(20)]
    wide = application_pb2.ApplicationInterface(inputs=[{"name": "i", "type": 1, "choices": long}])
    for number in range(12):
        create_module(apps("admin"), version=f"{number:02}")
        create_interface(apps("admin"), wide, version=f"{number:02}")
    found, token, pages = [], "", 0
    while token or not pages:
        page = apps("user").ListApplications(ListApplicationsRequest(page_token=token))
        assert page.ByteSize() < 3_000_000
        found += [one.module.version for one in page.applications]
        token, pages = page.next_page_token, pages + 1
    assert found == [f"{number:02}" for number in range(12)]
    assert pages == 2
