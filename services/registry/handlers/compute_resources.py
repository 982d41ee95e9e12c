"""Use cases of ComputeResourceService."""

from dataclasses import replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain.compute_resources import ComputeResource, violations
from services.registry.handlers.asking import once, page, position, refuse
from services.registry.storage import compute_resources as storage
from services.registry.wire import compute_resources as wire
from vahana.registry.v1 import compute_resource_pb2 as pb


class ComputeResources:
    """What may be done with compute resources, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests) -> None:
        self._db = db
        self._requests = requests

    def create(self, request: pb.CreateComputeResourceRequest) -> pb.CreateComputeResourceResponse:
        """Register a host; for administrators."""
        require_role(ADMIN)
        resource = wire.from_message(request.compute_resource)
        refuse("compute_resource", violations(resource))
        with self._db.write() as tx:
            return once(
                self._requests, tx, request, pb.CreateComputeResourceResponse, lambda: self._create(tx, resource)
            )

    def _create(self, tx: Tx, resource: ComputeResource) -> pb.CreateComputeResourceResponse:
        stored = replace(resource, create_time_us=now_us(tx), revision=1)
        if not storage.insert(tx, caller().tenant, stored):
            raise AlreadyExists("compute resource", resource.name)
        return pb.CreateComputeResourceResponse(compute_resource=wire.to_message(stored))

    def get(self, request: pb.GetComputeResourceRequest) -> pb.GetComputeResourceResponse:
        """One host."""
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, request.name)
        if stored is None:
            raise NotFound("compute resource", request.name)
        return pb.GetComputeResourceResponse(compute_resource=wire.to_message(stored))

    def list(self, request: pb.ListComputeResourcesRequest) -> pb.ListComputeResourcesResponse:
        """A page of hosts, by name."""
        limit = page_limit(request.page_size)
        (after,) = position(request.page_token, 1)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, after, limit + 1)
        kept, token = page([wire.to_message(one) for one in stored], limit, lambda one: (one.name,))
        return pb.ListComputeResourcesResponse(compute_resources=kept, next_page_token=token)
