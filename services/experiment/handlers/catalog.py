"""What the registry knows, from the copies of its entities."""

from __future__ import annotations

from services.chassis.sources import EntitySource
from services.experiment.domain.facts import Application, Catalog, ComputeResource, GroupResourceProfile
from services.experiment.wire import facts
from vahana.event.v1 import sync_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2, group_resource_profile_pb2


class CopiedCatalog:
    """Implements facts.Catalog."""

    def __init__(self, source: EntitySource) -> None:
        """Look things up in `source`."""
        self._source = source

    def fresh(self) -> Catalog:
        """See facts.Catalog."""
        return CopiedCatalog(self._source.fresh())

    def application(self, tenant: str, name: str, version: str) -> Application | None:
        """See facts.Catalog."""
        found = self._version(tenant, name, version) if version else self._latest(tenant, name)
        if found is None:
            return None
        deployments = self._source.children(
            sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT,
            tenant,
            f"{name}/{found.module.version}",
            application_pb2.ApplicationDeployment,
        )
        return facts.application(found, deployments)

    def compute_resource(self, tenant: str, name: str) -> ComputeResource | None:
        """See facts.Catalog."""
        kind = sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE
        found = self._source.find(kind, tenant, name, compute_resource_pb2.ComputeResource)
        return None if found is None else facts.compute_resource(found)

    def group_resource_profiles(self, tenant: str) -> tuple[GroupResourceProfile, ...]:
        """See facts.Catalog."""
        kind = sync_pb2.ENTITY_KIND_GROUP_RESOURCE_PROFILE
        message = group_resource_profile_pb2.GroupResourceProfile
        found = self._source.children(kind, tenant, "", message, expected=False)
        return tuple(facts.group_resource_profile(each) for each in sorted(found, key=lambda each: each.name))

    def _version(self, tenant: str, name: str, version: str) -> application_pb2.Application | None:
        kind = sync_pb2.ENTITY_KIND_APPLICATION
        return self._source.find(kind, tenant, f"{name}/{version}", application_pb2.Application)

    def _latest(self, tenant: str, name: str) -> application_pb2.Application | None:
        known = self._source.children(sync_pb2.ENTITY_KIND_APPLICATION, tenant, name, application_pb2.Application)
        usable = [each for each in known if not each.module.retired]
        return max(usable, key=_age, default=None)


def _age(application: application_pb2.Application) -> tuple[int, str]:
    return application.module.create_time.ToNanoseconds(), application.module.version
