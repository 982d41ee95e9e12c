"""Use cases of StorageResourceService."""

from dataclasses import replace
from pathlib import Path

from services.chassis import masks
from services.chassis.db import Database, Tx, now_us
from services.chassis.entities import Entities
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain.storage_resources import StorageResource, violations
from services.registry.handlers.asking import following, refuse
from services.registry.handlers.publishing import first_revision
from services.registry.storage import storage_resources as storage
from services.registry.wire import storage_resources as wire
from vahana.event.v1.sync_pb2 import ENTITY_KIND_STORAGE_RESOURCE
from vahana.registry.v1 import storage_resource_pb2 as pb

_FIELD = "storage_resource"
_CHANGEABLE = frozenset(pb.StorageResource.DESCRIPTOR.fields_by_name) - {"name", "create_time", "revision"}


class StorageResources:
    """What may be done with storage resources, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, entities: Entities, local_root: Path | None) -> None:
        """`local_root` holds one directory a tenant, under which it may have LOCAL storage; None: nobody may."""
        self._db = db
        self._requests = requests
        self._entities = entities
        self._local_root = local_root

    def create(self, request: pb.CreateStorageResourceRequest) -> pb.CreateStorageResourceResponse:
        """Register a place; for administrators."""
        require_role(ADMIN)
        resource = wire.from_message(request.storage_resource)
        self._check(resource)
        with self._db.write() as tx:
            return self._requests.once(
                tx, request, pb.CreateStorageResourceResponse, lambda: self._create(tx, resource)
            )

    def _create(self, tx: Tx, resource: StorageResource) -> pb.CreateStorageResourceResponse:
        revision = first_revision(self._entities, tx, ENTITY_KIND_STORAGE_RESOURCE, caller().tenant, resource.name)
        stored = replace(resource, create_time_us=now_us(tx), revision=revision)
        if not storage.insert(tx, caller().tenant, stored):
            raise AlreadyExists("storage resource", resource.name)
        return pb.CreateStorageResourceResponse(storage_resource=self._published(tx, stored))

    def get(self, request: pb.GetStorageResourceRequest) -> pb.GetStorageResourceResponse:
        """One place."""
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, request.name)
        if stored is None:
            raise NotFound("storage resource", request.name)
        return pb.GetStorageResourceResponse(storage_resource=wire.to_message(stored))

    def list(self, request: pb.ListStorageResourcesRequest) -> pb.ListStorageResourcesResponse:
        """A page of places, by name."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            page = storage.page(tx, caller().tenant, after, limit)
        listed, token = [wire.to_message(one) for one in page.items], following(page, lambda one: (one.name,))
        return pb.ListStorageResourcesResponse(storage_resources=listed, next_page_token=token)

    def update(self, request: pb.UpdateStorageResourceRequest) -> pb.UpdateStorageResourceResponse:
        """Change a place; for administrators."""
        require_role(ADMIN)
        masks.check_key(request.storage_resource, "name", prefix=_FIELD)
        with self._db.write() as tx:
            stored = _locked(tx, request.storage_resource.name)
            masks.check_revision(stored.revision, request.revision)
            merged = _merged(stored, request)
            self._check(merged)
            changed = replace(merged, create_time_us=stored.create_time_us, revision=stored.revision + 1)
            storage.update(tx, caller().tenant, changed)
            return pb.UpdateStorageResourceResponse(storage_resource=self._published(tx, changed))

    def delete(self, request: pb.DeleteStorageResourceRequest) -> pb.DeleteStorageResourceResponse:
        """Take a place off; for administrators."""
        require_role(ADMIN)
        tenant = caller().tenant
        with self._db.write() as tx:
            masks.check_revision(_locked(tx, request.name).revision, request.revision)
            storage.remove(tx, tenant, request.name)
            self._entities.publish(tx, ENTITY_KIND_STORAGE_RESOURCE, tenant, request.name, None)
        return pb.DeleteStorageResourceResponse()

    def _check(self, resource: StorageResource) -> None:
        local_root = str(self._local_root / caller().tenant) if self._local_root else ""
        refuse(_FIELD, violations(resource, local_root))

    def _published(self, tx: Tx, stored: StorageResource) -> pb.StorageResource:
        message = wire.to_message(stored)
        self._entities.publish(tx, ENTITY_KIND_STORAGE_RESOURCE, caller().tenant, stored.name, message)
        return message


def _locked(tx: Tx, name: str) -> StorageResource:
    stored = storage.find(tx, caller().tenant, name, lock=True)
    if stored is None:
        raise NotFound("storage resource", name)
    return stored


def _merged(stored: StorageResource, request: pb.UpdateStorageResourceRequest) -> StorageResource:
    message = wire.to_message(stored)
    masks.merge(message, request.storage_resource, request.update_mask, _CHANGEABLE)
    masks.check_whole(message, prefix=_FIELD)
    return wire.from_message(message)
