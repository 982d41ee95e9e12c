"""What the registry tells the mesh of what was there before it told anything."""

import pytest
import sqlalchemy as sa
from alembic import command

from services.chassis import migrate
from services.chassis.changes import REGISTRY
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.outbox import Outbox
from services.registry.__main__ import wire
from services.registry.schema import metadata
from vahana.event.v1 import sync_pb2, task_pb2
from vahana.registry.v1.application_pb2 import Application, ApplicationDeployment, GetApplicationRequest
from vahana.registry.v1.application_pb2_grpc import ApplicationServiceStub
from vahana.registry.v1.compute_resource_pb2 import ComputeResource, GetComputeResourceRequest
from vahana.registry.v1.compute_resource_pb2_grpc import ComputeResourceServiceStub
from vahana.registry.v1.storage_resource_pb2 import StorageResource

ROWS = {
    "compute_resource": {
        "name": "cluster",
        "description": "",
        "address": "127.0.0.1",
        "port": 22,
        "host_keys": '["ssh-ed25519 AAAA"]',
        "login": "ada",
        "credential_id": "cred-1",
        "scratch": "/scratch",
        "job_manager": "FORK",
        "batch_queues": "[]",
        "create_time_us": 1_000_000,
        "revision": 1,
    },
    "storage_resource": {
        "name": "archive",
        "description": "",
        "type": "HTTP",
        "location": "https://archive.example",
        "credential_id": "",
        "create_time_us": 1_000_000,
        "revision": 1,
    },
    "application_module": {"name": "echo", "version": "1", "description": "", "create_time_us": 1_000_000},
    "application_interface": {
        "name": "echo",
        "version": "1",
        "inputs": "[]",
        "outputs": "[]",
        "create_time_us": 1_000_000,
    },
    "application_deployment": {
        "name": "echo",
        "version": "1",
        "compute_resource": "cluster",
        "executable": "/bin/echo",
        **dict.fromkeys(("arguments", "module_loads", "environment", "pre_job_commands", "post_job_commands"), "[]"),
        "command_timeout_us": 0,
        "rerun_safe": False,
        "create_time_us": 1_000_000,
        "revision": 1,
    },
}
"""A row of each table of the first version."""


@pytest.fixture
def old(database_url):
    """A database of the first version with a thing of each kind, of two tenants each."""
    database = Database(database_url)
    with database.write() as tx:
        command.upgrade(migrate._config("services.registry", tx), "0001")
        for table, row in ROWS.items():
            columns = ", ".join(f'"{name}"' for name in ("tenant", *row))
            values = ", ".join(f":{name}" for name in ("tenant", *row))
            for tenant in ("default", "other"):
                tx.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), {"tenant": tenant, **row})
    database.close()
    return database_url


def told(db):
    """Everything that was published, by kind, tenant and name, and how many messages wait to be sent."""
    with db.read() as tx:
        entities = Entities(metadata).page(tx, REGISTRY, None, 1000)
        return {(one.kind, one.tenant, one.name): one for one in entities}, len(Outbox(metadata).unsent(tx, 1000))


def test_what_was_there_is_kept_and_told_of_once(old, serve):
    served = serve(wire, database_url=old, profile_address="127.0.0.1:1")
    entities, messages = told(served.chassis.db)
    kinds = {
        (sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE, "cluster"): ComputeResource,
        (sync_pb2.ENTITY_KIND_STORAGE_RESOURCE, "archive"): StorageResource,
        (sync_pb2.ENTITY_KIND_APPLICATION, "echo/1"): Application,
        (sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT, "echo/1/cluster"): ApplicationDeployment,
    }
    assert set(entities) == {(kind, tenant, name) for kind, name in kinds for tenant in ("default", "other")}
    assert messages == len(entities)
    for (kind, _, name), one in entities.items():
        assert one.entity.Is(kinds[kind, name].DESCRIPTOR)
    served.stop()
    again = serve(wire, database_url=old, profile_address="127.0.0.1:1")
    assert told(again.chassis.db) == (entities, messages)


def test_what_was_there_has_the_new_fields_empty(old, serve):
    served = serve(wire, database_url=old, profile_address="127.0.0.1:1")
    host = served.stub(ComputeResourceServiceStub, "user").GetComputeResource(GetComputeResourceRequest(name="cluster"))
    assert not host.compute_resource.restricted
    assert not host.compute_resource.login_preferences
    app = served.stub(ApplicationServiceStub, "user").GetApplication(GetApplicationRequest(name="echo")).application
    assert (app.module.revision, app.module.retired) == (1, False)
    (deployment,) = app.deployments
    assert deployment.parallelism == task_pb2.PARALLELISM_SERIAL
    assert not deployment.launcher
    assert not deployment.HasField("default_resources")


def test_taken_back_the_rows_of_the_first_version_are_there(old):
    migrate.upgrade(old, "services.registry")
    migrate.downgrade(old, "services.registry", "0001")
    database = Database(old)
    with database.read() as tx:
        for table, row in ROWS.items():
            found = tx.execute(sa.text(f"SELECT * FROM {table} WHERE tenant = 'default'")).mappings().one()
            assert set(found) == {"tenant", *row}
            assert found["create_time_us"] == 1_000_000
    database.close()
