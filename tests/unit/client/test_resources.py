"""vahana app, compute, credential and project, against a fake gateway."""

import json
from pathlib import Path

import pytest
import yaml

from vahana.experiment.v1 import project_pb2
from vahana.profile.v1 import credential_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2
from vahana_client.cli.errors import ExitCode

EXAMPLE = Path(__file__).parents[3] / "examples/bowtie2/application.yaml"


@pytest.fixture
def registry(gateway):
    """A gateway that takes every application and remembers it."""
    stored = application_pb2.Application()

    def module(request):
        stored.module.CopyFrom(request.module)
        return application_pb2.CreateApplicationModuleResponse(module=request.module)

    def interface(request):
        stored.interface.CopyFrom(request.interface)
        return application_pb2.CreateApplicationInterfaceResponse(interface=request.interface)

    def deployment(request):
        stored.deployments.append(request.deployment)
        return application_pb2.CreateApplicationDeploymentResponse(deployment=request.deployment)

    gateway.answers |= {
        "CreateApplicationModule": module,
        "CreateApplicationInterface": interface,
        "CreateApplicationDeployment": deployment,
        "GetApplication": lambda _: application_pb2.GetApplicationResponse(application=stored),
        "ListApplications": lambda _: application_pb2.ListApplicationsResponse(applications=[stored]),
    }
    return gateway


def test_an_application_is_registered_from_its_file(registry, vahana):
    result = vahana("app", "register", EXAMPLE, "--version", "9.9")
    assert result.code == ExitCode.OK, result.err
    assert "bowtie2 9.9" in result.out
    (interface,) = registry.called("CreateApplicationInterface")
    assert [(one.name, one.type) for one in interface.interface.inputs] == [
        ("reference", application_pb2.DATA_TYPE_URI),
        ("seed", application_pb2.DATA_TYPE_INTEGER),
        ("reads", application_pb2.DATA_TYPE_URI),
    ]
    assert interface.interface.inputs[1].default_value == "0"
    (deployment,) = registry.called("CreateApplicationDeployment")
    command = deployment.deployment.pre_job_commands[0].arguments
    assert list(command) == ["bowtie2-build", "--quiet", "{inputs.reference}", "genome"]
    assert "bowtie2" in vahana("app", "list").out


def test_the_same_file_twice_sends_the_same_request_ids(registry, vahana):
    assert [vahana("app", "register", EXAMPLE).code for _ in range(2)] == [ExitCode.OK, ExitCode.OK]
    first, second = registry.called("CreateApplicationModule")
    assert first.request_id == second.request_id != ""


def test_what_exists_already_is_fine_where_it_is_the_same(registry, vahana, refuse):
    assert vahana("app", "register", EXAMPLE).code == ExitCode.OK
    for method in ("Module", "Interface", "Deployment"):
        registry.answers[f"CreateApplication{method}"] = refuse("ALREADY_EXISTS", "taken", "ALREADY_EXISTS")
    assert vahana("app", "register", EXAMPLE).code == ExitCode.OK


def test_what_exists_already_and_differs_is_refused(registry, vahana, refuse, tmp_path):
    assert vahana("app", "register", EXAMPLE).code == ExitCode.OK
    other = yaml.safe_load(EXAMPLE.read_text())
    other["interface"]["outputs"].pop()
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    registry.answers["CreateApplicationInterface"] = refuse("ALREADY_EXISTS", "taken", "ALREADY_EXISTS")
    result = vahana("app", "register", tmp_path / "other.yaml")
    assert (result.code, result.err) == (ExitCode.BAD_INPUT, "error: taken (ALREADY_EXISTS)\n")


def test_faults_of_an_application_file_are_all_named(registry, vahana, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "modul: {}\nmodule: {name: a, version: 2.50}\ninterface: {inputs: [{name: x, type: BLOB}]}\n"
        "deployments: [{colour: red}, 7]\n"
    )
    result = vahana("app", "register", path)
    assert result.code == ExitCode.BAD_INPUT
    named = [line.split(":")[0].strip() for line in result.err.splitlines()[1:]]
    assert named == ["modul", "module.version", "interface", "deployments[0]", "deployments[1]"]
    assert not registry.calls


def test_compute_add_takes_a_credential_by_name(gateway, vahana, tmp_path):
    gateway.answers["GetCredential"] = lambda _: credential_pb2.GetCredentialResponse(
        credential=credential_pb2.Credential(credential_id="cred-1")
    )
    gateway.answers["CreateComputeResource"] = lambda request: compute_resource_pb2.CreateComputeResourceResponse(
        compute_resource=request.compute_resource
    )
    (tmp_path / "keys").write_text("# scanned\n[host]:22 ssh-ed25519 AAAA comment\necdsa-sha2-nistp256 BBBB\n")
    result = vahana(
        "compute", "add", "cluster", "--address", "host", "--login", "ada", "--credential", "key", "--scratch", "/s",
        "--host-key-file", tmp_path / "keys", "--queue", "long", "-o", "json",
    )  # fmt: skip
    assert result.code == ExitCode.OK, result.err
    shown = json.loads(result.out)
    assert shown["host_keys"] == ["ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 BBBB"]
    assert (shown["credential_id"], shown["job_manager"], shown["port"]) == ("cred-1", "JOB_MANAGER_FORK", 22)


def test_an_unknown_job_manager(gateway, vahana):
    result = vahana(
        "compute", "add", "c", "--address", "h", "--login", "a", "--credential", "k", "--scratch", "/s",
        "--job-manager", "CRON",
    )  # fmt: skip
    assert result.code == ExitCode.BAD_INPUT
    assert "FORK" in result.err
    assert not gateway.calls


def test_compute_list_and_show(gateway, vahana):
    local = compute_resource_pb2.ComputeResource(name="local", login="me", address="127.0.0.1", port=7422)
    gateway.answers["ListComputeResources"] = lambda _: compute_resource_pb2.ListComputeResourcesResponse(
        compute_resources=[local]
    )
    gateway.answers["GetComputeResource"] = lambda _: compute_resource_pb2.GetComputeResourceResponse(
        compute_resource=local
    )
    assert "me@127.0.0.1:7422" in vahana("compute", "list").out
    assert yaml.safe_load(vahana("compute", "show", "local", "-o", "yaml").out)["name"] == "local"


def test_a_credential_is_imported_from_a_file(gateway, vahana, tmp_path):
    gateway.answers["CreateCredential"] = lambda request: credential_pb2.CreateCredentialResponse(
        credential=credential_pb2.Credential(credential_id="cred-1", name=request.name, public_key="ssh-ed25519 AAAA")
    )
    (tmp_path / "key").write_text("the private key")
    result = vahana("credential", "add", "mine", "--private-key", tmp_path / "key")
    assert result.code == ExitCode.OK
    assert "ssh-ed25519 AAAA" in result.out
    assert gateway.called("CreateCredential")[0].private_key == "the private key"
    assert "the private key" not in result.out + result.err


def test_an_unreadable_key_file(gateway, vahana, tmp_path):
    assert vahana("credential", "add", "mine", "--private-key", tmp_path / "none").code == ExitCode.BAD_INPUT
    assert not gateway.calls


def test_projects(gateway, vahana):
    gateway.answers["CreateProject"] = lambda request: project_pb2.CreateProjectResponse(project=request.project)
    gateway.answers["ListProjects"] = lambda _: project_pb2.ListProjectsResponse()
    assert "lambda" in vahana("project", "create", "lambda").out
    assert "vahana project create" in vahana("project", "list").out
    assert json.loads(vahana("project", "list", "-o", "json").out) == []
