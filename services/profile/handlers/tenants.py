"""Use cases of TenantService."""

from collections.abc import Iterable
from dataclasses import replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.masks import check_revision, merge
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role
from services.profile import wire
from services.profile.domain.users import User
from services.profile.handlers.asking import page
from services.profile.handlers.operators import keep_an_operator
from services.profile.handlers.publishing import Publisher
from services.profile.storage import tenants as storage
from services.profile.storage import users
from vahana.profile.v1 import tenant_pb2 as pb

_CHANGEABLE = ("display_name", "disabled")


class Tenants:
    """What may be done with tenants."""

    def __init__(self, db: Database, requests: Requests, publisher: Publisher) -> None:
        self._db = db
        self._requests = requests
        self._publisher = publisher

    def create(self, request: pb.CreateTenantRequest) -> pb.CreateTenantResponse:
        """Add a tenant, and its first user where one is named; for operators."""
        require_role(OPERATOR)
        with self._db.write() as tx:
            return self._requests.once(tx, request, pb.CreateTenantResponse, lambda: self._create(tx, request))

    def _create(self, tx: Tx, request: pb.CreateTenantRequest) -> pb.CreateTenantResponse:
        now = now_us(tx)
        tenant = replace(wire.tenant_from_request(request), create_time_us=now)
        if not storage.insert(tx, tenant):
            raise AlreadyExists("tenant", tenant.name)
        self._publisher.tenant(tx, tenant)
        if request.administrator:
            first = User(request.administrator, create_time_us=now, roles=frozenset({ADMIN}))
            users.insert(tx, tenant.name, first)
            self._publisher.user(tx, tenant.name, first)
        return pb.CreateTenantResponse(tenant=wire.tenant_to_message(tenant))

    def get(self, request: pb.GetTenantRequest) -> pb.GetTenantResponse:
        """The caller's tenant, or for an operator any."""
        name = _visible(request.name)
        with self._db.read() as tx:
            stored = storage.find(tx, name)
        if stored is None:
            raise NotFound("tenant", name)
        return pb.GetTenantResponse(tenant=wire.tenant_to_message(stored))

    def list(self, request: pb.ListTenantsRequest) -> pb.ListTenantsResponse:
        """A page of the tenants the caller may see, by name: its own, or for an operator all."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        with self._db.read() as tx:
            if OPERATOR in caller().roles:
                stored = storage.page(tx, after, limit + 1)
            else:
                own = storage.find(tx, caller().tenant)
                stored = [own] if own and own.name > after else []
        kept, token = page([wire.tenant_to_message(one) for one in stored], limit, lambda one: one.name)
        return pb.ListTenantsResponse(tenants=kept, next_page_token=token)

    def update(self, request: pb.UpdateTenantRequest) -> pb.UpdateTenantResponse:
        """Change a tenant."""
        name = _visible(request.name)
        with self._db.write() as tx:
            stored = storage.lock(tx, name)
            if stored is None:
                raise NotFound("tenant", name)
            wanted = wire.tenant_to_update(stored)
            merge(wanted, request, request.update_mask, _CHANGEABLE)
            _permit(request.update_mask.paths)
            check_revision(stored.revision, request.revision)
            changed = wire.tenant_from_update(stored, wanted)
            if changed.disabled and not stored.disabled:
                keep_an_operator(tx, name)
            storage.replace(tx, changed)
            self._publisher.tenant(tx, changed)
        return pb.UpdateTenantResponse(tenant=wire.tenant_to_message(changed))


def _visible(name: str) -> str:
    """The tenant asked for, by default the caller's. NotFound for another one, but not to operators."""
    own = caller().tenant
    if name not in {"", own} and OPERATOR not in caller().roles:
        raise NotFound("tenant", name)
    return name or own


def _permit(paths: Iterable[str]) -> None:
    if OPERATOR not in caller().roles:
        require_role(OPERATOR if "disabled" in paths else ADMIN)
