"""The check of an experiment against all that surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.db import Database
from services.chassis.errors import FieldViolation, InvalidFields
from services.experiment.domain.facts import Application, Catalog, ComputeResource, Deployment, Interface
from services.experiment.domain.plan import PlannedTask
from services.experiment.domain.planner import plan
from services.experiment.domain.spec import Spec
from services.experiment.domain.validation import Surroundings, faults
from services.experiment.storage import files, projects
from services.experiment.wire import specs
from vahana.experiment.v1 import experiment_pb2 as pb


@dataclass(frozen=True, slots=True)
class Checked:
    """A sound experiment with the facts it was checked against."""

    spec: Spec
    pinned: pb.ExperimentSpec
    interface: Interface
    deployment: Deployment
    compute_resource: ComputeResource

    def plan(self) -> tuple[PlannedTask, ...]:
        """The tasks a launch runs."""
        return plan(self.spec, self.interface, self.deployment)


class Checker:
    """Checks experiments. No transaction is open while the catalog is asked."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        """`catalog` knows applications and compute resources."""
        self._db = db
        self._catalog = catalog

    def check(self, tenant: str, message: pb.ExperimentSpec) -> Checked:
        """The experiment with its facts; InvalidFields names every fault."""
        with self._db.read() as tx:
            sizes = files.sizes(tx, tenant, specs.digests(message))
            project_known = projects.find(tx, tenant, message.project) is not None
        application = self._catalog.application(tenant, message.application, message.application_version)
        resource = self._catalog.compute_resource(tenant, message.compute_resource)
        spec = specs.spec(message, sizes)
        found = faults(spec, Surroundings(project_known, application, resource, sizes))
        if found:
            raise InvalidFields([FieldViolation(each.field, each.description) for each in found])
        interface, deployment, resource = _sound(application, resource)
        version = application.version if application else ""
        return Checked(spec, specs.pinned(message, version, sizes), interface, deployment, resource)


def _sound(
    application: Application | None, resource: ComputeResource | None
) -> tuple[Interface, Deployment, ComputeResource]:
    """What a spec without faults has."""
    deployment = application.deployment_on(resource.name) if application and resource else None
    if application is None or application.interface is None or resource is None or deployment is None:
        raise AssertionError("a spec without faults names what exists")
    return application.interface, deployment, resource
