"""Use cases of TenantService."""

from dataclasses import replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import OPERATOR, caller, require_role
from services.profile import wire
from services.profile.domain.tenants import Tenant
from services.profile.handlers.asking import once, page, position
from services.profile.storage import tenants as storage
from vahana.profile.v1 import tenant_pb2 as pb


class Tenants:
    """What may be done with tenants."""

    def __init__(self, db: Database, requests: Requests) -> None:
        self._db = db
        self._requests = requests

    def create(self, request: pb.CreateTenantRequest) -> pb.CreateTenantResponse:
        """Add a tenant; for operators."""
        require_role(OPERATOR)
        tenant = wire.tenant_from_request(request)
        with self._db.write() as tx:
            return once(self._requests, tx, request, pb.CreateTenantResponse, lambda: self._create(tx, tenant))

    def _create(self, tx: Tx, tenant: Tenant) -> pb.CreateTenantResponse:
        stored = replace(tenant, create_time_us=now_us(tx))
        if not storage.insert(tx, stored):
            raise AlreadyExists("tenant", tenant.name)
        return pb.CreateTenantResponse(tenant=wire.tenant_to_message(stored))

    def get(self, request: pb.GetTenantRequest) -> pb.GetTenantResponse:
        """The caller's tenant, or for an operator any."""
        name = request.name or caller().tenant
        if name != caller().tenant and OPERATOR not in caller().roles:
            raise NotFound("tenant", name)
        with self._db.read() as tx:
            stored = storage.find(tx, name)
        if stored is None:
            raise NotFound("tenant", name)
        return pb.GetTenantResponse(tenant=wire.tenant_to_message(stored))

    def list(self, request: pb.ListTenantsRequest) -> pb.ListTenantsResponse:
        """A page of the tenants the caller may see, by name: its own, or for an operator all."""
        limit = page_limit(request.page_size)
        after = position(request.page_token)
        with self._db.read() as tx:
            if OPERATOR in caller().roles:
                stored = storage.page(tx, after, limit + 1)
            else:
                own = storage.find(tx, caller().tenant)
                stored = [own] if own and own.name > after else []
        kept, token = page([wire.tenant_to_message(one) for one in stored], limit, lambda one: one.name)
        return pb.ListTenantsResponse(tenants=kept, next_page_token=token)
