"""The groups of users, from the copy of profile's."""

from collections.abc import Collection

from services.chassis.sources import EntitySource
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2


class CopiedGroups:
    """Implements domain.groups.Groups."""

    def __init__(self, source: EntitySource) -> None:
        """Look them up in `source`."""
        self._source = source

    def missing(self, tenant: str, names: Collection[str]) -> frozenset[str]:
        """See domain.groups.Groups."""
        kind, source = sync_pb2.ENTITY_KIND_GROUP, self._source.once()
        return frozenset(name for name in set(names) if source.find(kind, tenant, name, group_pb2.Group) is None)
