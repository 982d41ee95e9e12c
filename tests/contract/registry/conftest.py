"""The registry alone, and things to register."""

import pytest

from services.chassis.changes import PROFILE
from services.chassis.entities import Entities
from services.registry.__main__ import wire
from services.registry.schema import metadata
from vahana.event.v1 import sync_pb2, task_pb2
from vahana.profile.v1 import group_pb2
from vahana.registry.v1 import (
    application_pb2,
    application_pb2_grpc,
    compute_resource_pb2,
    compute_resource_pb2_grpc,
    group_resource_profile_pb2_grpc,
    storage_resource_pb2,
    storage_resource_pb2_grpc,
)

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIaWqFhSWtCLWmnQxCx3ctKn1ZLkZ9B3OSTnMJzIRQZo"


@pytest.fixture
def registry(serve, tmp_path):
    """Alone; profile told it once that there are no groups."""
    served = serve(wire, local_storage_root=str(tmp_path / "storage"), profile_address="127.0.0.1:1")
    with served.chassis.db.write() as tx:
        Entities(metadata).replace(tx, PROFILE, 0, [])
    return served


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
def profiles(registry):
    kind = group_resource_profile_pb2_grpc.GroupResourceProfileServiceStub
    return lambda who, tenant="": registry.stub(kind, who, tenant)


@pytest.fixture
def heard_of(registry):
    """`heard_of(*groups)`: profile told the registry of these groups of the tenant "default"."""

    def hear(*groups):
        with registry.chassis.db.write() as tx:
            for version, name in enumerate(groups, 1):
                told = sync_pb2.EntityChanged(
                    kind=sync_pb2.ENTITY_KIND_GROUP, tenant="default", name=name, version=version
                )
                told.entity.Pack(group_pb2.Group(name=name))
                Entities(metadata).apply(tx, [told])

    return hear


@pytest.fixture
def published(registry):
    """`published(kind, name, type)`: what the registry told of an entity of the tenant "default"; None for gone."""

    def find(kind, name, of):
        with registry.chassis.db.read() as tx:
            return Entities(metadata).find(tx, kind, "default", name, of)

    return find


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
def cluster(host):
    """`cluster(name=…)`: a host with a batch system, its queues and logins of its groups, with what differs."""

    def make(**changes):
        usual = {
            "job_manager": task_pb2.JOB_MANAGER_SLURM,
            "batch_queues": [
                {"name": "short", "max_wall_time": {"seconds": 3600}, "default_queue": True},
                {
                    "name": "large",
                    "description": "by application",
                    "max_node_count": 100,
                    "max_cpu_count": 6400,
                    "max_memory_mib": 1_000_000,
                    "max_wall_time": {"seconds": 86_400},
                    "max_gpu_count": 8,
                },
            ],
        }
        return host(**usual | changes)

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
            "parallelism": task_pb2.PARALLELISM_SERIAL,
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
