"""Starts the registry: `python -m services.registry`."""

import sys
from pathlib import Path

from services.chassis.bus.topics import REGISTRY_SYNC, SYNC
from services.chassis.changes import PROFILE, REGISTRY
from services.chassis.copies import Copies
from services.chassis.entities import Entities
from services.chassis.outbox import Outbox
from services.chassis.requests import Requests
from services.chassis.rpc.copies import OperatedCopies
from services.chassis.rpc.exports import ExportedEntities
from services.chassis.run import Chassis, main
from services.chassis.settings import Settings
from services.chassis.sources import EntitySource
from services.registry.handlers.applications import Applications
from services.registry.handlers.compute_resources import ComputeResources
from services.registry.handlers.deployments import Deployments
from services.registry.handlers.group_resource_profiles import GroupResourceProfiles
from services.registry.handlers.groups import CopiedGroups
from services.registry.handlers.publishing import publish_unpublished
from services.registry.handlers.storage_resources import StorageResources
from services.registry.peers import COPIED, owners
from services.registry.schema import metadata
from services.registry.transport import (
    ApplicationService,
    ComputeResourceService,
    CopyService,
    GroupResourceProfileService,
    SnapshotService,
    StorageResourceService,
)
from vahana.registry.v1 import (
    application_pb2_grpc,
    compute_resource_pb2_grpc,
    copy_pb2,
    copy_pb2_grpc,
    group_resource_profile_pb2_grpc,
    parked_pb2,
    parked_pb2_grpc,
    snapshot_pb2,
    snapshot_pb2_grpc,
    storage_resource_pb2_grpc,
)


class RegistrySettings(Settings):
    """The settings of the registry."""

    service: str = "registry"
    local_storage_root: Path | None = None
    """Directory under which every tenant may have LOCAL storage in a directory of its name; unset: none may."""


def wire() -> Chassis:
    """Put the service together."""
    settings = RegistrySettings()
    chassis = Chassis.start(settings, metadata, "services.registry")
    requests, outbox = Requests(metadata), Outbox(metadata)
    entities = Entities(metadata, outbox)
    publish_unpublished(chassis.db, entities)
    peers = owners(chassis.peer(PROFILE))
    copied = Copies(chassis.db, entities, COPIED, peers)
    groups = CopiedGroups(EntitySource(chassis.db, entities, peers))
    chassis.rpc.add(
        compute_resource_pb2_grpc.add_ComputeResourceServiceServicer_to_server,
        ComputeResourceService(ComputeResources(chassis.db, requests, entities, groups)),
        "vahana.registry.v1.ComputeResourceService",
    )
    chassis.rpc.add(
        storage_resource_pb2_grpc.add_StorageResourceServiceServicer_to_server,
        StorageResourceService(StorageResources(chassis.db, requests, entities, settings.local_storage_root)),
        "vahana.registry.v1.StorageResourceService",
    )
    chassis.rpc.add(
        application_pb2_grpc.add_ApplicationServiceServicer_to_server,
        ApplicationService(Applications(chassis.db, requests, entities), Deployments(chassis.db, requests, entities)),
        "vahana.registry.v1.ApplicationService",
    )
    chassis.rpc.add(
        group_resource_profile_pb2_grpc.add_GroupResourceProfileServiceServicer_to_server,
        GroupResourceProfileService(GroupResourceProfiles(chassis.db, requests, entities, groups)),
        "vahana.registry.v1.GroupResourceProfileService",
    )
    chassis.rpc.add(
        snapshot_pb2_grpc.add_SnapshotServiceServicer_to_server,
        SnapshotService(
            ExportedEntities(
                REGISTRY,
                chassis.db,
                entities,
                part=snapshot_pb2.ExportEntitiesResponse,
                found=snapshot_pb2.FindEntitiesResponse,
            )
        ),
        "vahana.registry.v1.SnapshotService",
    )
    operated = OperatedCopies(
        copied,
        state=copy_pb2.CopyState,
        listed=copy_pb2.ListCopiesResponse,
        rebuilt=copy_pb2.RebuildCopiesResponse,
    )
    chassis.rpc.add(
        copy_pb2_grpc.add_CopyServiceServicer_to_server, CopyService(operated), "vahana.registry.v1.CopyService"
    )
    chassis.relay(outbox)
    chassis.consume(REGISTRY_SYNC, [SYNC], copied.handle, name="sync")
    chassis.operate_parked(
        parked_pb2_grpc.add_ParkedServiceServicer_to_server, "vahana.registry.v1.ParkedService", parked_pb2
    )
    chassis.background("copies", copied.fill)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
