"""What the registry tells the mesh, by the names of vahana.event.v1.EntityKind: of applications and deployments, and of
all there is where nothing was told before."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from services.chassis.changes import REGISTRY
from services.chassis.db import Database, Tx
from services.chassis.entities import Entities
from services.chassis.fitting import Page
from services.registry.domain.applications import Application
from services.registry.storage import applications, compute_resources, publication, storage_resources
from services.registry.wire import applications as application_wire
from services.registry.wire import compute_resources as compute_resource_wire
from services.registry.wire import deployments as deployment_wire
from services.registry.wire import storage_resources as storage_resource_wire
from vahana.event.v1 import sync_pb2
from vahana.registry.v1 import application_pb2 as pb

Item = TypeVar("Item")
Key = TypeVar("Key")

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
    entities.publish(tx, kind, tenant, deployment_name(module, compute_resource), message, parent)


def first_revision(entities: Entities, tx: Tx, kind: int, tenant: str, name: str) -> int:
    """The revision something new begins with: 1, or above all that one of its name had that was deleted.

    An update of that one, asked for with the revision it had, is then refused as stale. Versions rise with every
    change of anything, so what was told last of a name has one that none of its revisions is above.
    """
    told = entities.told(tx, kind, tenant, name=name, parent="", limit=1)
    return told[0].version + 1 if told else 1


def deployment_name(module: tuple[str, str], compute_resource: str) -> str:
    """What the deployment of a module (name and version) on a host is known by."""
    return "/".join((*module, compute_resource))


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
    for one in _every("", lambda after: compute_resources.page(tx, tenant, after, _PAGE), lambda each: each.name):
        message = compute_resource_wire.to_message(one)
        entities.publish(tx, sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE, tenant, one.name, message)


def _publish_storage_resources(entities: Entities, tx: Tx, tenant: str) -> None:
    for one in _every("", lambda after: storage_resources.page(tx, tenant, after, _PAGE), lambda each: each.name):
        message = storage_resource_wire.to_message(one)
        entities.publish(tx, sync_pb2.ENTITY_KIND_STORAGE_RESOURCE, tenant, one.name, message)


def _publish_applications(entities: Entities, tx: Tx, tenant: str) -> None:
    for one in _every(("", ""), lambda after: applications.page(tx, tenant, after, _PAGE), _module):
        publish_application(entities, tx, tenant, one)
        for deployment in one.deployments:
            message = deployment_wire.to_message(deployment)
            publish_deployment(entities, tx, tenant, _module(one), deployment.compute_resource, message)


def _module(application: Application) -> tuple[str, str]:
    return application.module.name, application.module.version


def _every(first: Key, page: Callable[[Key], Page[Item]], key: Callable[[Item], Key]) -> Iterator[Item]:
    """All of a list, page by page."""
    found = page(first)
    while found.items:
        yield from found.items
        found = page(key(found.items[-1]))
