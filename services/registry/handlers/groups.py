"""The groups of users, from the copy of profile's."""

from services.chassis.sources import EntitySource
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2


class CopiedGroups:
    """Implements domain.groups.Groups."""

    def __init__(self, source: EntitySource) -> None:
        """Look them up in `source`."""
        self._source = source

    def exists(self, tenant: str, group: str) -> bool:
        """See domain.groups.Groups."""
        return self._source.find(sync_pb2.ENTITY_KIND_GROUP, tenant, group, group_pb2.Group) is not None
