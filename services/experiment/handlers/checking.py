"""The check of an experiment against all that surrounds it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from services.chassis.db import Database, Tx
from services.chassis.errors import FieldViolation, InvalidFields, NotFound
from services.chassis.rpc.auth import Identity
from services.experiment.domain import logins
from services.experiment.domain.access import Permission
from services.experiment.domain.facts import Application, Catalog, ComputeResource, Deployment, Interface, JobResources
from services.experiment.domain.plan import PlannedTask
from services.experiment.domain.planner import plan
from services.experiment.domain.policy import Judgement, Launch, judge
from services.experiment.domain.resources import of_job
from services.experiment.domain.spec import Fault, Spec
from services.experiment.domain.validation import Surroundings, faults, unknown_project
from services.experiment.handlers.access import Access
from services.experiment.storage import files
from services.experiment.wire import specs
from vahana.experiment.v1 import experiment_pb2 as pb

LARGEST_SPEC = 1024 * 1024
"""Bytes: an experiment travels with its process and all its tasks in one answer of 4 MiB."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A sound experiment with the facts it was checked against; the compute resource has the login of the caller."""

    spec: Spec
    pinned: pb.ExperimentSpec
    application: Application
    interface: Interface
    deployment: Deployment
    compute_resource: ComputeResource
    resources: JobResources


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A sound experiment, with what the rules say of its launch by the caller."""

    checked: Checked
    judgement: Judgement

    def plan(self) -> tuple[PlannedTask, ...]:
        """The tasks a launch runs."""
        checked = self.checked
        return plan(checked.spec, checked.interface, checked.deployment, self.judgement.resources)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What someone asks for, with what this service itself knows of it; `new` are the fields being set."""

    tenant: str
    message: pb.ExperimentSpec
    new: frozenset[str]
    project_known: bool
    groups: frozenset[str]
    sizes: Mapping[str, int]


class Checker:
    """Checks experiments. No transaction is open while the catalog is asked."""

    def __init__(self, db: Database, catalog: Catalog, access: Access) -> None:
        """`catalog` knows applications and compute resources, `access` projects and the groups of users."""
        self._db = db
        self._catalog = catalog
        self._access = access

    def check(self, who: Identity, message: pb.ExperimentSpec, *, new: Collection[str]) -> Checked:
        """The experiment with its facts; InvalidFields names every fault.

        `new` are the fields being set: a project among them must be open to the caller (NotAllowed where they may only
        see it), an application must not be retired.
        """
        bound(message)
        asked = self._asked(who, message, frozenset(new))
        try:
            checked = _sound(self._catalog, asked)
        except InvalidFields:
            # The fault may be that what is known here is old.
            checked = _sound(self._catalog.fresh(), asked)
        # Once more, with what the service has set in it.
        bound(checked.pinned)
        return checked

    def rehearse(self, who: Identity, message: pb.ExperimentSpec, permission: Permission) -> Rehearsed:
        """A stored experiment with its facts and what the rules say of its launch; InvalidFields names every fault."""
        asked = self._asked(who, message, frozenset())
        try:
            found = _judged(self._catalog, asked, permission)
        except InvalidFields:
            return _judged(self._catalog.fresh(), asked, permission)
        return found if found.judgement.allowed else _judged(self._catalog.fresh(), asked, permission)

    def demand_open(self, tx: Tx, who: Identity, project: str) -> None:
        """Refuse a project that is not open to the caller, as `check` does: once more in the transaction that sets it,
        for it may have been closed while the catalog was asked."""
        if not self._open(tx, who, project):
            raise InvalidFields([_violation(unknown_project(project))])

    def _asked(self, who: Identity, message: pb.ExperimentSpec, new: frozenset[str]) -> _Asked:
        with self._db.read() as tx:
            return _Asked(
                tenant=who.tenant,
                message=message,
                new=new,
                project_known="project" not in new or self._open(tx, who, message.project),
                groups=self._access.groups_of(tx, who.tenant, who.subject),
                sizes=files.sizes(tx, who.tenant, specs.digests(message)),
            )

    def _open(self, tx: Tx, who: Identity, project: str) -> bool:
        try:
            self._access.project(tx, who, project, Permission.WRITE)
        except NotFound:
            return False
        return True


def bound(message: pb.ExperimentSpec) -> None:
    """Refuse an experiment that asks for more than is stored of one: whatever stores a spec calls this before."""
    if message.ByteSize() > LARGEST_SPEC:
        fault = f"takes {message.ByteSize()} bytes of at most {LARGEST_SPEC}: pass large content as files"
        raise InvalidFields([FieldViolation("spec", f"{fault}, and many files as one archive")])


def _judged(catalog: Catalog, asked: _Asked, permission: Permission) -> Rehearsed:
    checked = _sound(catalog, asked)
    profiles = catalog.group_resource_profiles(asked.tenant)
    launch = Launch(
        checked.application, checked.compute_resource, checked.resources, profiles, asked.groups, permission
    )
    return Rehearsed(checked, judge(launch))


def _sound(catalog: Catalog, asked: _Asked) -> Checked:
    spec = specs.spec(asked.message, asked.sizes)
    application = catalog.application(asked.tenant, spec.application, spec.application_version)
    resource = catalog.compute_resource(asked.tenant, spec.compute_resource)
    found = faults(spec, Surroundings(asked.project_known, application, resource, asked.sizes))
    found += specs.retry_faults(asked.message)
    if application is not None and application.retired and asked.new & {"application", "application_version"}:
        title = f"{application.name} {application.version}"
        found.append(Fault("spec.application", f"{title} is retired: choose another version"))
    if found:
        raise InvalidFields([_violation(each) for each in found])
    return _checked(asked, spec, application, resource)


def _violation(fault: Fault) -> FieldViolation:
    return FieldViolation(fault.field, fault.description)


def _checked(asked: _Asked, spec: Spec, application: Application | None, resource: ComputeResource | None) -> Checked:
    deployment = application.deployment_on(resource.name) if application and resource else None
    if application is None or application.interface is None or resource is None or deployment is None:
        raise AssertionError("a spec without faults names what exists")
    return Checked(
        spec=spec,
        pinned=specs.pinned(asked.message, application.version, asked.sizes),
        application=application,
        interface=application.interface,
        deployment=deployment,
        compute_resource=logins.for_groups(resource, asked.groups),
        resources=of_job(spec, deployment, resource),
    )
