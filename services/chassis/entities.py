"""Data in common: entities that one service owns and others keep copies of.

The owner publishes an entity in the transaction that changes it: a row here, and a message in the outbox. Every change
of any of the owner's entities gets the next version, so that copies keep the highest and messages may come late or
twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from services.chassis import clock
from services.chassis.bus.topics import SYNC
from services.chassis.db import Tx, insert_ignore
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox
from vahana.event.v1 import event_pb2, sync_pb2

PROFILE = "profile"
REGISTRY = "registry"
OWNERS: dict[int, str] = {
    sync_pb2.ENTITY_KIND_TENANT: PROFILE,
    sync_pb2.ENTITY_KIND_USER: PROFILE,
    sync_pb2.ENTITY_KIND_GROUP: PROFILE,
    sync_pb2.ENTITY_KIND_GROUP_MEMBER: PROFILE,
    sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE: REGISTRY,
    sync_pb2.ENTITY_KIND_STORAGE_RESOURCE: REGISTRY,
    sync_pb2.ENTITY_KIND_APPLICATION: REGISTRY,
    sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT: REGISTRY,
    sync_pb2.ENTITY_KIND_GROUP_RESOURCE_PROFILE: REGISTRY,
}
"""The service that owns each kind."""

Entity = TypeVar("Entity", bound=Message)


class Entities:
    """The tables `entity` and `entity_owner` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData, outbox: Outbox | None = None) -> None:
        """Take the tables that add_platform_tables put into the metadata; owners give their outbox."""
        self._table = metadata.tables["entity"]
        self._owners = metadata.tables["entity_owner"]
        self._outbox = outbox

    def publish(  # noqa: PLR0917 - what an entity is known by, and its content
        self, tx: Tx, kind: int, tenant: str, name: str, message: Message | None, parent: str = ""
    ) -> None:
        """Tell of an entity as it now is; `message` None where it is no more. In the transaction of the change."""
        if self._outbox is None:
            raise RuntimeError("only the owner of entities publishes them")
        version = self._next_version(tx, OWNERS[kind])
        changed = sync_pb2.EntityChanged(
            kind=sync_pb2.EntityKind.ValueType(kind),
            tenant=tenant,
            name=name,
            parent=parent,
            version=version,
            deleted=message is None,
        )
        if message is not None:
            changed.entity.Pack(message)
        self.apply(tx, [changed])
        self._outbox.add(tx, SYNC, f"{tenant}/{kind}/{name}", _envelope(changed, OWNERS[kind]).SerializeToString())

    def find(self, tx: Tx, kind: int, tenant: str, name: str, of: type[Entity]) -> Entity | None:
        """Return an entity, None where there is none."""
        columns = self._table.c
        content = tx.execute(
            sa.select(columns.content).where(
                columns.kind == kind, columns.tenant == tenant, columns.name == name, columns.deleted.is_(False)
            )
        ).scalar_one_or_none()
        return None if content is None else of.FromString(content)

    def children(self, tx: Tx, kind: int, tenant: str, parent: str, of: type[Entity]) -> list[Entity]:
        """Return the entities of a parent, the one changed last at the end."""
        columns = self._table.c
        rows: Iterable[bytes] = tx.execute(
            sa.select(columns.content)
            .where(columns.kind == kind, columns.tenant == tenant, columns.parent == parent, columns.deleted.is_(False))
            .order_by(columns.version)
        ).scalars()
        return [of.FromString(content) for content in rows]

    def apply(self, tx: Tx, changes: Iterable[sync_pb2.EntityChanged]) -> int:
        """Keep each change whose version is higher than the one kept; return how many were."""
        return sum(self._keep(tx, change) for change in changes)

    def _keep(self, tx: Tx, change: sync_pb2.EntityChanged) -> bool:
        columns = self._table.c
        key = {"kind": int(change.kind), "tenant": change.tenant, "name": change.name}
        values = {
            "parent": change.parent,
            "version": change.version,
            "deleted": change.deleted,
            "content": change.entity.value,
        }
        if insert_ignore(tx, self._table, [key | values]):
            return True
        raised = (
            sa.update(self._table)
            .where(*(columns[name] == value for name, value in key.items()), columns.version < change.version)
            .values(values)
        )
        return tx.execute(raised).rowcount > 0

    def _next_version(self, tx: Tx, owner: str) -> int:
        insert_ignore(tx, self._owners, [{"owner": owner, "version": 0, "snapshot_us": None}])
        columns = self._owners.c
        # The row's lock makes versions rise in the order of commits.
        return tx.execute(
            sa.update(self._owners)
            .where(columns.owner == owner)
            .values(version=columns.version + 1)
            .returning(columns.version)
        ).scalar_one()


def _envelope(changed: sync_pb2.EntityChanged, owner: str) -> event_pb2.Envelope:
    return event_pb2.Envelope(
        id=new_id("msg"),
        tenant=changed.tenant,
        aggregate_id=changed.name,
        source=owner,
        time=clock.to_timestamp(clock.now_us()),
        entity_changed=changed,
    )
