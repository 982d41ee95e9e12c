"""The owner of the entities that the registry keeps copies of."""

import grpc

from services.chassis.changes import PROFILE
from services.chassis.copies import Peer
from services.chassis.rpc.snapshots import SnapshotPeer
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import snapshot_pb2, snapshot_pb2_grpc

COPIED = (sync_pb2.ENTITY_KIND_USER, sync_pb2.ENTITY_KIND_GROUP, sync_pb2.ENTITY_KIND_GROUP_MEMBER)
"""What is copied: who there is to let in."""


def owners(profile: grpc.Channel) -> dict[str, Peer]:
    """Profile over its channel, by name."""
    return {PROFILE: SnapshotPeer(PROFILE, snapshot_pb2_grpc.SnapshotServiceStub(profile), snapshot_pb2)}
