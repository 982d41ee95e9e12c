"""Storage resources on the wire."""

from services.chassis.clock import to_timestamp
from services.registry.domain.storage_resources import StorageResource, StorageType
from vahana.registry.v1 import storage_resource_pb2 as pb


def from_message(sent: pb.StorageResource) -> StorageResource:
    """A place as a caller describes it; what the service sets itself is left out."""
    return StorageResource(
        name=sent.name,
        description=sent.description,
        type=StorageType(pb.StorageType.Name(sent.type).removeprefix("STORAGE_TYPE_")),
        location=sent.location,
        credential_id=sent.credential_id,
    )


def to_message(stored: StorageResource) -> pb.StorageResource:
    """A stored place as callers see it."""
    return pb.StorageResource(
        name=stored.name,
        description=stored.description,
        type=pb.StorageType.Value(f"STORAGE_TYPE_{stored.type}"),
        location=stored.location,
        credential_id=stored.credential_id,
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )
