"""Users and groups, from the copies of profile's."""

from __future__ import annotations

from services.chassis.clock import from_timestamp
from services.chassis.sources import EntitySource
from services.experiment.domain.access import Principal, group_principal, user_principal
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2, user_pb2


class CopiedDirectory:
    """Implements access.Directory."""

    def __init__(self, source: EntitySource) -> None:
        """Look them up in `source`, with no transaction open."""
        self._source = source

    def user(self, tenant: str, name: str) -> Principal | None:
        """See access.Directory."""
        found = self._source.find(sync_pb2.ENTITY_KIND_USER, tenant, name, user_pb2.User)
        return user_principal(name) if found else None

    def group(self, tenant: str, name: str) -> Principal | None:
        """See access.Directory."""
        found = self._source.find(sync_pb2.ENTITY_KIND_GROUP, tenant, name, group_pb2.Group)
        return group_principal(name, from_timestamp(found.create_time)) if found else None
