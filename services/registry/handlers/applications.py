"""Use cases of ApplicationService."""

from dataclasses import replace

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, LimitExceeded, NotFound, WrongState
from services.chassis.paging import page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain import deployments as deployment_rules
from services.registry.domain import interfaces as interface_rules
from services.registry.domain.applications import Application, Module
from services.registry.domain.interfaces import Interface
from services.registry.handlers.asking import once, page, position, refuse
from services.registry.storage import applications as storage
from services.registry.storage import compute_resources
from services.registry.storage import deployments as deployment_storage
from services.registry.wire import applications as wire
from services.registry.wire import deployments as deployment_wire
from vahana.registry.v1 import application_pb2 as pb

_LARGEST_PART = 256 * 1024


class Applications:
    """What may be done with applications, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests) -> None:
        self._db = db
        self._requests = requests

    def create_module(self, request: pb.CreateApplicationModuleRequest) -> pb.CreateApplicationModuleResponse:
        """Register a name and version; for administrators."""
        require_role(ADMIN)
        module = wire.module_from_message(request.module)
        with self._db.write() as tx:
            return once(
                self._requests, tx, request, pb.CreateApplicationModuleResponse, lambda: self._create_module(tx, module)
            )

    def _create_module(self, tx: Tx, module: Module) -> pb.CreateApplicationModuleResponse:
        stored = replace(module, create_time_us=now_us(tx))
        if not storage.insert_module(tx, caller().tenant, stored):
            raise AlreadyExists("application module", f"{module.name} {module.version}")
        return pb.CreateApplicationModuleResponse(module=wire.module_to_message(stored))

    def create_interface(self, request: pb.CreateApplicationInterfaceRequest) -> pb.CreateApplicationInterfaceResponse:
        """Give a module its inputs and outputs; for administrators."""
        require_role(ADMIN)
        _bounded("interface", request.interface)
        interface = wire.interface_from_message(request.interface)
        refuse("interface", interface_rules.violations(interface))
        with self._db.write() as tx:
            return once(
                self._requests,
                tx,
                request,
                pb.CreateApplicationInterfaceResponse,
                lambda: self._create_interface(tx, request.name, request.version, interface),
            )

    def _create_interface(
        self, tx: Tx, name: str, version: str, interface: Interface
    ) -> pb.CreateApplicationInterfaceResponse:
        _registered(tx, name, version)
        if not storage.insert_interface(tx, caller().tenant, name, version, interface, now_us=now_us(tx)):
            raise AlreadyExists("application interface", f"{name} {version}")
        return pb.CreateApplicationInterfaceResponse(interface=wire.interface_to_message(interface))

    def create_deployment(
        self, request: pb.CreateApplicationDeploymentRequest
    ) -> pb.CreateApplicationDeploymentResponse:
        """Say how a module runs on a compute resource; for administrators."""
        require_role(ADMIN)
        _bounded("deployment", request.deployment)
        with self._db.write() as tx:
            return once(
                self._requests,
                tx,
                request,
                pb.CreateApplicationDeploymentResponse,
                lambda: self._create_deployment(tx, request),
            )

    def _create_deployment(
        self, tx: Tx, request: pb.CreateApplicationDeploymentRequest
    ) -> pb.CreateApplicationDeploymentResponse:
        deployment = replace(deployment_wire.from_message(request.deployment), create_time_us=now_us(tx), revision=1)
        interface = _registered(tx, request.name, request.version).interface
        if interface is None:
            raise WrongState(f"application {request.name} {request.version} has no interface: create it first")
        if compute_resources.find(tx, caller().tenant, deployment.compute_resource) is None:
            raise NotFound("compute resource", deployment.compute_resource)
        refuse("deployment", deployment_rules.violations(deployment, interface))
        if not deployment_storage.insert(tx, caller().tenant, request.name, request.version, deployment):
            what = f"{request.name} {request.version} on {deployment.compute_resource}"
            raise AlreadyExists("application deployment", what)
        return pb.CreateApplicationDeploymentResponse(deployment=deployment_wire.to_message(deployment))

    def get(self, request: pb.GetApplicationRequest) -> pb.GetApplicationResponse:
        """One application, whole."""
        with self._db.read() as tx:
            stored = storage.find(tx, caller().tenant, request.name, request.version)
        if stored is None:
            raise NotFound("application", f"{request.name} {request.version}".rstrip())
        return pb.GetApplicationResponse(application=wire.to_message(stored))

    def list(self, request: pb.ListApplicationsRequest) -> pb.ListApplicationsResponse:
        """A page of applications, by name and version."""
        limit = page_limit(request.page_size)
        name, version = position(request.page_token, 2)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, (name, version), limit + 1)
        messages = [wire.to_message(one) for one in stored]
        kept, token = page(messages, limit, lambda one: (one.module.name, one.module.version))
        return pb.ListApplicationsResponse(applications=kept, next_page_token=token)


def _registered(tx: Tx, name: str, version: str) -> Application:
    found = storage.find(tx, caller().tenant, name, version)
    if found is None:
        raise NotFound("application module", f"{name} {version}")
    return found


def _bounded(what: str, part: pb.ApplicationInterface | pb.ApplicationDeployment) -> None:
    if part.ByteSize() > _LARGEST_PART:
        raise LimitExceeded(f"the {what} takes {part.ByteSize()} bytes of at most {_LARGEST_PART}: make it smaller")
