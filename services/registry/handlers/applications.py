"""Use cases of ApplicationService: modules, their interfaces, and whole applications."""

from dataclasses import replace

from services.chassis import masks
from services.chassis.db import Database, Tx, now_us
from services.chassis.entities import Entities
from services.chassis.errors import AlreadyExists, NotFound
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain import interfaces as interface_rules
from services.registry.domain.applications import Application, Module
from services.registry.domain.interfaces import Interface
from services.registry.handlers.asking import bound, following, refuse
from services.registry.handlers.publishing import publish_application
from services.registry.storage import applications as storage
from services.registry.wire import applications as wire
from vahana.registry.v1 import application_pb2 as pb

_CHANGEABLE = frozenset({"description", "retired"})


class Applications:
    """What may be done with modules and their interfaces, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, entities: Entities) -> None:
        self._db = db
        self._requests = requests
        self._entities = entities

    def create_module(self, request: pb.CreateApplicationModuleRequest) -> pb.CreateApplicationModuleResponse:
        """Register a name and version; for administrators."""
        require_role(ADMIN)
        module = wire.module_from_message(request.module)
        with self._db.write() as tx:
            return self._requests.once(
                tx, request, pb.CreateApplicationModuleResponse, lambda: self._create_module(tx, module)
            )

    def _create_module(self, tx: Tx, module: Module) -> pb.CreateApplicationModuleResponse:
        stored = replace(module, create_time_us=now_us(tx), revision=1)
        if not storage.insert_module(tx, caller().tenant, stored):
            raise AlreadyExists("application module", f"{module.name} {module.version}")
        publish_application(self._entities, tx, caller().tenant, Application(stored))
        return pb.CreateApplicationModuleResponse(module=wire.module_to_message(stored))

    def update_module(self, request: pb.UpdateApplicationModuleRequest) -> pb.UpdateApplicationModuleResponse:
        """Change a module; for administrators."""
        require_role(ADMIN)
        masks.check_key(request.module, "name", "version", prefix="module")
        with self._db.write() as tx:
            found = registered(tx, request.module.name, request.module.version, lock=True)
            masks.check_revision(found.module.revision, request.revision)
            merged, revision = _merged(found.module, request), found.module.revision + 1
            changed = replace(merged, create_time_us=found.module.create_time_us, revision=revision)
            storage.update_module(tx, caller().tenant, changed)
            publish_application(self._entities, tx, caller().tenant, replace(found, module=changed))
        return pb.UpdateApplicationModuleResponse(module=wire.module_to_message(changed))

    def create_interface(self, request: pb.CreateApplicationInterfaceRequest) -> pb.CreateApplicationInterfaceResponse:
        """Give a module its inputs and outputs, once and for all; for administrators."""
        require_role(ADMIN)
        bound("interface", request.interface)
        interface = wire.interface_from_message(request.interface)
        refuse("interface", interface_rules.violations(interface))
        with self._db.write() as tx:
            return self._requests.once(
                tx,
                request,
                pb.CreateApplicationInterfaceResponse,
                lambda: self._create_interface(tx, request.name, request.version, interface),
            )

    def _create_interface(
        self, tx: Tx, name: str, version: str, interface: Interface
    ) -> pb.CreateApplicationInterfaceResponse:
        found = registered(tx, name, version, lock=True)
        if not storage.insert_interface(tx, caller().tenant, name, version, interface, now_us=now_us(tx)):
            raise AlreadyExists("application interface", f"{name} {version}")
        publish_application(self._entities, tx, caller().tenant, replace(found, interface=interface))
        return pb.CreateApplicationInterfaceResponse(interface=wire.interface_to_message(interface))

    def get(self, request: pb.GetApplicationRequest) -> pb.GetApplicationResponse:
        """One application, whole."""
        tenant, name, version = caller().tenant, request.name, request.version
        with self._db.read() as tx:
            stored = storage.find(tx, tenant, name, version) if version else storage.latest(tx, tenant, name)
        if stored is None:
            raise NotFound("application", f"{name} {version}".rstrip())
        return pb.GetApplicationResponse(application=wire.to_message(stored))

    def list(self, request: pb.ListApplicationsRequest) -> pb.ListApplicationsResponse:
        """A page of applications, by name and version."""
        limit = page_limit(request.page_size)
        name, version = names_of(request.page_token, 2)
        with self._db.read() as tx:
            page = storage.page(tx, caller().tenant, (name, version), limit)
        token = following(page, lambda one: (one.module.name, one.module.version))
        return pb.ListApplicationsResponse(
            applications=[wire.to_message(one) for one in page.items], next_page_token=token
        )


def registered(tx: Tx, name: str, version: str, *, lock: bool = False) -> Application:
    """The application of that name and version, see storage; NotFound where there is none."""
    found = storage.find(tx, caller().tenant, name, version, lock=lock)
    if found is None:
        raise NotFound("application module", f"{name} {version}")
    return found


def _merged(stored: Module, request: pb.UpdateApplicationModuleRequest) -> Module:
    message = wire.module_to_message(stored)
    masks.merge(message, request.module, request.update_mask, _CHANGEABLE)
    masks.check_whole(message, prefix="module")
    return wire.module_from_message(message)
