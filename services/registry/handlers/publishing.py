"""What the registry tells the mesh, by the names of vahana.event.v1.EntityKind: of applications and deployments, and of
all there is where nothing was told before."""

from services.chassis.changes import REGISTRY
from services.chassis.db import Database, Tx
from services.chassis.entities import Entities
from services.registry.domain.applications import Application
from services.registry.storage import applications, compute_resources, publication, storage_resources
from services.registry.wire import applications as application_wire
from services.registry.wire import compute_resources as compute_resource_wire
from services.registry.wire import deployments as deployment_wire
from services.registry.wire import storage_resources as storage_resource_wire
from vahana.event.v1 import sync_pb2
from vahana.registry.v1 import application_pb2 as pb

_PAGE = 500


def publish_application(entities: Entities, tx: Tx, tenant: str, stored: Application) -> None:
    """Tell of a module and its interface; its deployments are told of on their own."""
    name, version = stored.module.name, stored.module.version
    alone = application_wire.to_message(Application(stored.module, stored.interface))
    entities.publish(tx, sync_pb2.ENTITY_KIND_APPLICATION, tenant, f"{name}/{version}", alone, name)


def publish_deployment(  # noqa: PLR0917 - what it is known by, and its content
    entities: Entities,
    tx: Tx,
    tenant: str,
    module: tuple[str, str],
    compute_resource: str,
    message: pb.ApplicationDeployment | None,
) -> None:
    """Tell of the deployment of a module (name and version) on a host; None where it is no more."""
    kind, parent = sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT, "/".join(module)
    entities.publish(tx, kind, tenant, f"{parent}/{compute_resource}", message, parent)


def publish_unpublished(db: Database, entities: Entities) -> None:
    """Tell of all there is, where this database has never told of anything: it comes from a version that didn't."""
    with db.read() as tx:
        if entities.state(tx, REGISTRY).version:
            return
    with db.write() as tx:
        for tenant in publication.tenants(tx):
            _publish_compute_resources(entities, tx, tenant)
            _publish_storage_resources(entities, tx, tenant)
            _publish_applications(entities, tx, tenant)


def _publish_compute_resources(entities: Entities, tx: Tx, tenant: str) -> None:
    found = compute_resources.page(tx, tenant, "", _PAGE)
    while found:
        for one in found:
            message = compute_resource_wire.to_message(one)
            entities.publish(tx, sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE, tenant, one.name, message)
        found = compute_resources.page(tx, tenant, found[-1].name, _PAGE)


def _publish_storage_resources(entities: Entities, tx: Tx, tenant: str) -> None:
    found = storage_resources.page(tx, tenant, "", _PAGE)
    while found:
        for one in found:
            message = storage_resource_wire.to_message(one)
            entities.publish(tx, sync_pb2.ENTITY_KIND_STORAGE_RESOURCE, tenant, one.name, message)
        found = storage_resources.page(tx, tenant, found[-1].name, _PAGE)


def _publish_applications(entities: Entities, tx: Tx, tenant: str) -> None:
    found = applications.page(tx, tenant, ("", ""), _PAGE)
    while found:
        for one in found:
            publish_application(entities, tx, tenant, one)
            module = (one.module.name, one.module.version)
            for deployment in one.deployments:
                message = deployment_wire.to_message(deployment)
                publish_deployment(entities, tx, tenant, module, deployment.compute_resource, message)
        found = applications.page(tx, tenant, module, _PAGE)
