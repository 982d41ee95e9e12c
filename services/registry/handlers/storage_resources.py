"""Use cases of StorageResourceService."""

from dataclasses import replace
from pathlib import Path

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain.storage_resources import StorageResource, violations
from services.registry.handlers.asking import once, page, position, refuse
from services.registry.storage import storage_resources as storage
from services.registry.wire import storage_resources as wire
from vahana.registry.v1 import storage_resource_pb2 as pb


class StorageResources:
    """What may be done with storage resources, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, local_root: Path | None) -> None:
        """`local_root` holds one directory a tenant, under which it may have LOCAL storage; None: nobody may."""
        self._db = db
        self._requests = requests
        self._local_root = local_root

    def create(self, request: pb.CreateStorageResourceRequest) -> pb.CreateStorageResourceResponse:
        """Register a place; for administrators."""
        require_role(ADMIN)
        resource = wire.from_message(request.storage_resource)
        local_root = str(self._local_root / caller().tenant) if self._local_root else ""
        refuse("storage_resource", violations(resource, local_root))
        with self._db.write() as tx:
            return once(
                self._requests, tx, request, pb.CreateStorageResourceResponse, lambda: self._create(tx, resource)
            )

    def _create(self, tx: Tx, resource: StorageResource) -> pb.CreateStorageResourceResponse:
        stored = replace(resource, create_time_us=now_us(tx), revision=1)
        if not storage.insert(tx, caller().tenant, stored):
            raise AlreadyExists("storage resource", resource.name)
        return pb.CreateStorageResourceResponse(storage_resource=wire.to_message(stored))

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
        (after,) = position(request.page_token, 1)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, after, limit + 1)
        kept, token = page([wire.to_message(one) for one in stored], limit, lambda one: (one.name,))
        return pb.ListStorageResourcesResponse(storage_resources=kept, next_page_token=token)
