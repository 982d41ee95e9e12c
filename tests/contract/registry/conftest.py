"""The registry alone, and things to register."""

import pytest

from services.registry.__main__ import wire
from vahana.event.v1 import task_pb2
from vahana.registry.v1 import (
    application_pb2,
    application_pb2_grpc,
    compute_resource_pb2,
    compute_resource_pb2_grpc,
    storage_resource_pb2,
    storage_resource_pb2_grpc,
)

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIaWqFhSWtCLWmnQxCx3ctKn1ZLkZ9B3OSTnMJzIRQZo"


@pytest.fixture
def registry(serve, tmp_path):
    return serve(wire, local_storage_root=str(tmp_path / "storage"))


@pytest.fixture
def hosts(registry):
    return lambda who, tenant="": registry.stub(compute_resource_pb2_grpc.ComputeResourceServiceStub, who, tenant)


@pytest.fixture
def places(registry):
    return lambda who, tenant="": registry.stub(storage_resource_pb2_grpc.StorageResourceServiceStub, who, tenant)


@pytest.fixture
def apps(registry):
    return lambda who, tenant="": registry.stub(application_pb2_grpc.ApplicationServiceStub, who, tenant)


@pytest.fixture
def host():
    """`host(name=…)`: a compute resource that may be registered, with what differs."""

    def make(**changes):
        usual = {
            "name": "cluster",
            "address": "127.0.0.1",
            "port": 22,
            "host_keys": [HOST_KEY],
            "login": "ada",
            "credential_id": "cred-1",
            "scratch": "/scratch/ada",
            "job_manager": task_pb2.JOB_MANAGER_FORK,
        }
        return compute_resource_pb2.ComputeResource(**usual | changes)

    return make


@pytest.fixture
def place():
    """`place(name=…)`: a storage resource that may be registered, with what differs."""

    def make(**changes):
        usual = {
            "name": "archive",
            "type": storage_resource_pb2.STORAGE_TYPE_HTTP,
            "location": "https://archive.example/data",
        }
        return storage_resource_pb2.StorageResource(**usual | changes)

    return make


@pytest.fixture
def interface():
    """Inputs and outputs of an aligner."""
    return application_pb2.ApplicationInterface(
        inputs=[
            {"name": "reference", "type": application_pb2.DATA_TYPE_URI, "required": True},
            {
                "name": "reads",
                "type": application_pb2.DATA_TYPE_URI_COLLECTION,
                "on_command_line": True,
                "option": "-U",
            },
            {
                "name": "preset",
                "type": application_pb2.DATA_TYPE_STRING,
                "default_value": "fast",
                "choices": ["fast", "sensitive"],
            },
        ],
        outputs=[
            {"name": "alignment", "type": application_pb2.DATA_TYPE_URI, "file": "out/aligned.sam", "required": True},
            {"name": "summary", "type": application_pb2.DATA_TYPE_STDERR, "file": "summary.txt"},
        ],
    )


@pytest.fixture
def deployment():
    """`deployment(executable=…)`: how the aligner runs on the host, with what differs."""

    def make(**changes):
        usual = {
            "compute_resource": "cluster",
            "executable": "bowtie2",
            "arguments": ["-x", "index", "--{inputs.preset}", "{{literal}}"],
            "module_loads": ["bowtie2/2.5"],
            "environment": [{"name": "THREADS", "value": "{2}"}],
            "pre_job_commands": [{"arguments": ["bowtie2-build", "{inputs.reference}", "index"]}],
            "post_job_commands": [{"arguments": ["gzip", "out/aligned.sam"]}],
            "command_timeout": {"seconds": 90, "nanos": 500_000_000},
            "rerun_safe": True,
        }
        return application_pb2.ApplicationDeployment(**usual | changes)

    return make


@pytest.fixture
def registered(apps, hosts, host, interface):
    """The aligner with its interface, and the host."""
    admin = apps("admin")
    hosts("admin").CreateComputeResource(compute_resource_pb2.CreateComputeResourceRequest(compute_resource=host()))
    module = {"name": "bowtie2", "version": "2.5.0"}
    admin.CreateApplicationModule(application_pb2.CreateApplicationModuleRequest(module=module))
    admin.CreateApplicationInterface(application_pb2.CreateApplicationInterfaceRequest(**module, interface=interface))
    return admin
