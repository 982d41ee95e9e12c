"""Use cases of ApplicationService: deployments."""

from dataclasses import replace

from services.chassis import masks
from services.chassis.db import Database, Tx, now_us
from services.chassis.entities import Entities
from services.chassis.errors import AlreadyExists, NotFound, WrongState
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, caller, require_role
from services.registry.domain.deployments import Deployment, violations
from services.registry.handlers.applications import registered
from services.registry.handlers.asking import bound, bound_whole, refuse
from services.registry.handlers.publishing import deployment_name, first_revision, publish_deployment
from services.registry.storage import compute_resources
from services.registry.storage import deployments as storage
from services.registry.wire import applications as application_wire
from services.registry.wire import deployments as wire
from vahana.event.v1.sync_pb2 import ENTITY_KIND_APPLICATION_DEPLOYMENT
from vahana.registry.v1 import application_pb2 as pb

_FIELD = "deployment"
_SET_HERE = {"compute_resource", "create_time", "revision"}
_CHANGEABLE = frozenset(pb.ApplicationDeployment.DESCRIPTOR.fields_by_name) - _SET_HERE


class Deployments:
    """What may be done with deployments, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, entities: Entities) -> None:
        self._db = db
        self._requests = requests
        self._entities = entities

    def create(self, request: pb.CreateApplicationDeploymentRequest) -> pb.CreateApplicationDeploymentResponse:
        """Say how a module runs on a compute resource; for administrators."""
        require_role(ADMIN)
        bound(_FIELD, request.deployment)
        with self._db.write() as tx:
            return self._requests.once(
                tx, request, pb.CreateApplicationDeploymentResponse, lambda: self._create(tx, request)
            )

    def _create(self, tx: Tx, request: pb.CreateApplicationDeploymentRequest) -> pb.CreateApplicationDeploymentResponse:
        module = (request.name, request.version)
        name = deployment_name(module, request.deployment.compute_resource)
        revision = first_revision(self._entities, tx, ENTITY_KIND_APPLICATION_DEPLOYMENT, caller().tenant, name)
        deployment = replace(wire.from_message(request.deployment), create_time_us=now_us(tx), revision=revision)
        _check(tx, module, deployment)
        if not storage.insert(tx, caller().tenant, *module, deployment):
            raise AlreadyExists("application deployment", _told(module, deployment.compute_resource))
        return pb.CreateApplicationDeploymentResponse(deployment=self._published(tx, module, deployment))

    def update(self, request: pb.UpdateApplicationDeploymentRequest) -> pb.UpdateApplicationDeploymentResponse:
        """Change how a module runs on a compute resource; for administrators."""
        require_role(ADMIN)
        masks.check_key(request.deployment, "compute_resource", prefix=_FIELD)
        module = (request.name, request.version)
        with self._db.write() as tx:
            stored = _locked(tx, module, request.deployment.compute_resource)
            masks.check_revision(stored.revision, request.revision)
            merged = _merged(stored, request)
            _check(tx, module, merged)
            changed = replace(merged, create_time_us=stored.create_time_us, revision=stored.revision + 1)
            storage.update(tx, caller().tenant, *module, changed)
            return pb.UpdateApplicationDeploymentResponse(deployment=self._published(tx, module, changed))

    def delete(self, request: pb.DeleteApplicationDeploymentRequest) -> pb.DeleteApplicationDeploymentResponse:
        """Take a module off a compute resource; for administrators."""
        require_role(ADMIN)
        module, tenant = (request.name, request.version), caller().tenant
        with self._db.write() as tx:
            masks.check_revision(_locked(tx, module, request.compute_resource).revision, request.revision)
            storage.remove(tx, tenant, *module, request.compute_resource)
            publish_deployment(self._entities, tx, tenant, module, request.compute_resource, None)
        return pb.DeleteApplicationDeploymentResponse()

    def _published(self, tx: Tx, module: tuple[str, str], stored: Deployment) -> pb.ApplicationDeployment:
        message = wire.to_message(stored)
        publish_deployment(self._entities, tx, caller().tenant, module, stored.compute_resource, message)
        return message


def _check(tx: Tx, module: tuple[str, str], deployment: Deployment) -> None:
    """Raise what keeps a module from being deployed so; module and host stay as they are until the transaction ends."""
    # Locked, so that deployments made at the same time are counted one after the other.
    application = registered(tx, *module, lock=True)
    if application.interface is None:
        raise WrongState(f"application {' '.join(module)} has no interface: create it first")
    host = compute_resources.named(tx, caller().tenant, [deployment.compute_resource])
    if not host:
        raise NotFound("compute resource", deployment.compute_resource)
    refuse(_FIELD, violations(deployment, application.interface, host[deployment.compute_resource]))
    others = (one for one in application.deployments if one.compute_resource != deployment.compute_resource)
    bound_whole(application_wire.to_message(replace(application, deployments=(*others, deployment))))


def _locked(tx: Tx, module: tuple[str, str], compute_resource: str) -> Deployment:
    stored = storage.find(tx, caller().tenant, *module, compute_resource, lock=True)
    if stored is None:
        raise NotFound("application deployment", _told(module, compute_resource))
    return stored


def _merged(stored: Deployment, request: pb.UpdateApplicationDeploymentRequest) -> Deployment:
    message = wire.to_message(stored)
    masks.merge(message, request.deployment, request.update_mask, _CHANGEABLE)
    masks.check_whole(message, prefix=_FIELD)
    bound(_FIELD, message)
    return wire.from_message(message)


def _told(module: tuple[str, str], compute_resource: str) -> str:
    return f"{' '.join(module)} on {compute_resource}"
