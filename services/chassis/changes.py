"""Changes of entities: whose each kind is, and the messages that tell of them as rows of the table `entity`."""

from __future__ import annotations

from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from services.chassis import clock
from services.chassis.ids import new_id
from vahana.event.v1 import event_pb2, sync_pb2
from vahana.profile.v1 import group_pb2, tenant_pb2, user_pb2
from vahana.registry.v1 import (
    application_pb2,
    compute_resource_pb2,
    group_resource_profile_pb2,
    storage_resource_pb2,
)

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
TYPES: dict[int, type[Message]] = {
    sync_pb2.ENTITY_KIND_TENANT: tenant_pb2.Tenant,
    sync_pb2.ENTITY_KIND_USER: user_pb2.User,
    sync_pb2.ENTITY_KIND_GROUP: group_pb2.Group,
    sync_pb2.ENTITY_KIND_GROUP_MEMBER: group_pb2.GroupMember,
    sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE: compute_resource_pb2.ComputeResource,
    sync_pb2.ENTITY_KIND_STORAGE_RESOURCE: storage_resource_pb2.StorageResource,
    sync_pb2.ENTITY_KIND_APPLICATION: application_pb2.Application,
    sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT: application_pb2.ApplicationDeployment,
    sync_pb2.ENTITY_KIND_GROUP_RESOURCE_PROFILE: group_resource_profile_pb2.GroupResourceProfile,
}
"""The message of each kind."""

_TYPE_PREFIX = "type.googleapis.com/"

Key = tuple[int, str, str]
"""Kind, tenant and name."""


def key_of(change: sync_pb2.EntityChanged) -> Key:
    """What the entity is known by."""
    return change.kind, change.tenant, change.name


def kinds_of(owner: str) -> list[int]:
    """The kinds a service owns."""
    return [kind for kind, of in OWNERS.items() if of == owner]


def from_row(row: Any) -> sync_pb2.EntityChanged:
    """The change that left this row."""
    entity = None
    if not row.deleted:
        entity = AnyMessage(type_url=_TYPE_PREFIX + TYPES[row.kind].DESCRIPTOR.full_name, value=row.content)
    return sync_pb2.EntityChanged(
        kind=row.kind,
        tenant=row.tenant,
        name=row.name,
        parent=row.parent,
        version=row.version,
        deleted=row.deleted,
        entity=entity,
    )


def to_row(change: sync_pb2.EntityChanged) -> dict[str, Any]:
    """The row a change leaves. ValueError where the kind is unknown or the entity is not of its kind's type."""
    if change.kind not in TYPES:
        raise ValueError(f"there is no kind of entity {change.kind}")
    if not change.deleted:
        _check_content(change)
    return {
        "kind": int(change.kind),
        "tenant": change.tenant,
        "name": change.name,
        "parent": change.parent,
        "version": change.version,
        "deleted": change.deleted,
        "content": b"" if change.deleted else change.entity.value,
    }


def _check_content(change: sync_pb2.EntityChanged) -> None:
    """Raise ValueError where the entity can't be read as one of its kind: once kept, every look at it would fail."""
    message = TYPES[change.kind]
    if change.entity.TypeName() != message.DESCRIPTOR.full_name:
        raise ValueError(f"an entity of kind {change.kind} is no {change.entity.TypeName() or 'message'}")
    try:
        message.FromString(change.entity.value)
    except DecodeError as error:
        raise ValueError(f"{change.name!r} of {change.tenant!r} is no {message.DESCRIPTOR.full_name}") from error


def envelope(change: sync_pb2.EntityChanged) -> event_pb2.Envelope:
    """The message by which its owner tells of a change."""
    return event_pb2.Envelope(
        id=new_id("msg"),
        tenant=change.tenant,
        aggregate_id=change.name,
        source=OWNERS[change.kind],
        time=clock.to_timestamp(clock.now_us()),
        entity_changed=change,
    )
