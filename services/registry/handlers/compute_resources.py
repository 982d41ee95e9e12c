"""Use cases of ComputeResourceService."""

from dataclasses import replace

from services.chassis import masks
from services.chassis.db import Database, Tx, now_us
from services.chassis.entities import Entities
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain import groups as group_rules
from services.registry.domain.compute_resources import ComputeResource, violations
from services.registry.domain.groups import Groups
from services.registry.handlers.asking import bound, following, refuse
from services.registry.handlers.publishing import first_revision
from services.registry.handlers.references import keep_named_queues, refuse_while_named
from services.registry.storage import compute_resources as storage
from services.registry.wire import compute_resources as wire
from vahana.event.v1.sync_pb2 import ENTITY_KIND_COMPUTE_RESOURCE
from vahana.registry.v1 import compute_resource_pb2 as pb

_FIELD = "compute_resource"
_CHANGEABLE = frozenset(pb.ComputeResource.DESCRIPTOR.fields_by_name) - {"name", "create_time", "revision"}


class ComputeResources:
    """What may be done with compute resources, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, entities: Entities, groups: Groups) -> None:
        self._db = db
        self._requests = requests
        self._entities = entities
        self._groups = groups

    def create(self, request: pb.CreateComputeResourceRequest) -> pb.CreateComputeResourceResponse:
        """Register a host; for administrators."""
        require_role(ADMIN)
        bound("compute resource", request.compute_resource)
        unknown = self._unknown_groups(request.compute_resource)
        with self._db.write() as tx:
            return self._requests.once(
                tx,
                request,
                pb.CreateComputeResourceResponse,
                lambda: self._create(tx, wire.from_message(request.compute_resource), unknown),
            )

    def _create(self, tx: Tx, resource: ComputeResource, unknown: frozenset[str]) -> pb.CreateComputeResourceResponse:
        _check(resource, unknown)
        revision = first_revision(self._entities, tx, ENTITY_KIND_COMPUTE_RESOURCE, caller().tenant, resource.name)
        stored = replace(resource, create_time_us=now_us(tx), revision=revision)
        if not storage.insert(tx, caller().tenant, stored):
            raise AlreadyExists("compute resource", resource.name)
        return pb.CreateComputeResourceResponse(compute_resource=self._published(tx, stored))

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
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            page = storage.page(tx, caller().tenant, after, limit)
        listed, token = [wire.to_message(one) for one in page.items], following(page, lambda one: (one.name,))
        return pb.ListComputeResourcesResponse(compute_resources=listed, next_page_token=token)

    def update(self, request: pb.UpdateComputeResourceRequest) -> pb.UpdateComputeResourceResponse:
        """Change a host; for administrators."""
        require_role(ADMIN)
        masks.check_key(request.compute_resource, "name", prefix=_FIELD)
        # Only what comes with this change: a group that is gone since must not stop all others.
        preferences = "login_preferences" in request.update_mask.paths
        unknown = self._unknown_groups(request.compute_resource) if preferences else frozenset()
        with self._db.write() as tx:
            stored = _locked(tx, request.compute_resource.name)
            masks.check_revision(stored.revision, request.revision)
            merged = _merged(stored, request)
            _check(merged, unknown)
            keep_named_queues(tx, caller().tenant, stored, merged)
            changed = replace(merged, create_time_us=stored.create_time_us, revision=stored.revision + 1)
            storage.update(tx, caller().tenant, changed)
            return pb.UpdateComputeResourceResponse(compute_resource=self._published(tx, changed))

    def delete(self, request: pb.DeleteComputeResourceRequest) -> pb.DeleteComputeResourceResponse:
        """Take a host off that nothing names; for administrators."""
        require_role(ADMIN)
        tenant = caller().tenant
        with self._db.write() as tx:
            masks.check_revision(_locked(tx, request.name).revision, request.revision)
            refuse_while_named(tx, tenant, request.name)
            storage.remove(tx, tenant, request.name)
            self._entities.publish(tx, ENTITY_KIND_COMPUTE_RESOURCE, tenant, request.name, None)
        return pb.DeleteComputeResourceResponse()

    def _published(self, tx: Tx, stored: ComputeResource) -> pb.ComputeResource:
        message = wire.to_message(stored)
        self._entities.publish(tx, ENTITY_KIND_COMPUTE_RESOURCE, caller().tenant, stored.name, message)
        return message

    def _unknown_groups(self, sent: pb.ComputeResource) -> frozenset[str]:
        return self._groups.missing(caller().tenant, [one.group for one in sent.login_preferences])


def _locked(tx: Tx, name: str) -> ComputeResource:
    stored = storage.find(tx, caller().tenant, name, lock=True)
    if stored is None:
        raise NotFound("compute resource", name)
    return stored


def _merged(stored: ComputeResource, request: pb.UpdateComputeResourceRequest) -> ComputeResource:
    message = wire.to_message(stored)
    masks.merge(message, request.compute_resource, request.update_mask, _CHANGEABLE)
    masks.check_whole(message, prefix=_FIELD)
    bound("compute resource", message)
    return wire.from_message(message)


def _check(resource: ComputeResource, unknown: frozenset[str]) -> None:
    named = [one.group for one in resource.login_preferences]
    found = [*violations(resource), *group_rules.violations("login_preferences[{}].group", named, unknown)]
    refuse(_FIELD, found)
