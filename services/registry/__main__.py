"""Starts the registry: `python -m services.registry`."""

import sys
from pathlib import Path

from services.chassis.requests import Requests
from services.chassis.run import Chassis, main
from services.chassis.settings import Settings
from services.registry.handlers.applications import Applications
from services.registry.handlers.compute_resources import ComputeResources
from services.registry.handlers.storage_resources import StorageResources
from services.registry.schema import metadata
from services.registry.transport import ApplicationService, ComputeResourceService, StorageResourceService
from vahana.registry.v1 import application_pb2_grpc, compute_resource_pb2_grpc, storage_resource_pb2_grpc


class RegistrySettings(Settings):
    """The settings of the registry."""

    service: str = "registry"
    local_storage_root: Path | None = None
    """Directory under which every tenant may have LOCAL storage in a directory of its name; unset: none may."""


def wire() -> Chassis:
    """Put the service together."""
    settings = RegistrySettings()
    chassis = Chassis.start(settings, metadata, "services.registry")
    requests = Requests(metadata)
    chassis.rpc.add(
        compute_resource_pb2_grpc.add_ComputeResourceServiceServicer_to_server,
        ComputeResourceService(ComputeResources(chassis.db, requests)),
        "vahana.registry.v1.ComputeResourceService",
    )
    chassis.rpc.add(
        storage_resource_pb2_grpc.add_StorageResourceServiceServicer_to_server,
        StorageResourceService(StorageResources(chassis.db, requests, settings.local_storage_root)),
        "vahana.registry.v1.StorageResourceService",
    )
    chassis.rpc.add(
        application_pb2_grpc.add_ApplicationServiceServicer_to_server,
        ApplicationService(Applications(chassis.db, requests)),
        "vahana.registry.v1.ApplicationService",
    )
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
