"""What the gateway forwards, and to which service of the mesh. Whatever is not in here has no way in from outside."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor

from services.chassis.rpc.scopes import IDENTITY
from vahana.eventsink.v1 import parked_pb2 as eventsink_parked_pb2
from vahana.executor.v1 import executor_pb2, host_pb2
from vahana.executor.v1 import explanation_pb2 as executor_explanation_pb2
from vahana.executor.v1 import parked_pb2 as executor_parked_pb2
from vahana.experiment.v1 import copy_pb2 as experiment_copy_pb2
from vahana.experiment.v1 import data_pb2, experiment_pb2, process_pb2, project_pb2, sharing_pb2
from vahana.experiment.v1 import parked_pb2 as experiment_parked_pb2
from vahana.profile.v1 import (
    credential_pb2,
    group_pb2,
    identity_pb2,
    identity_provider_pb2,
    tenant_pb2,
    token_pb2,
    user_pb2,
)
from vahana.profile.v1 import snapshot_pb2 as profile_snapshot_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2, group_resource_profile_pb2, storage_resource_pb2
from vahana.registry.v1 import copy_pb2 as registry_copy_pb2
from vahana.registry.v1 import parked_pb2 as registry_parked_pb2
from vahana.registry.v1 import snapshot_pb2 as registry_snapshot_pb2
from vahana.scheduler.v1 import explanation_pb2 as scheduler_explanation_pb2
from vahana.scheduler.v1 import hold_pb2, scheduler_pb2
from vahana.scheduler.v1 import parked_pb2 as scheduler_parked_pb2

PUBLIC: dict[str, tuple[ServiceDescriptor, ...]] = {
    "profile": (
        identity_pb2.DESCRIPTOR.services_by_name["IdentityService"],
        tenant_pb2.DESCRIPTOR.services_by_name["TenantService"],
        user_pb2.DESCRIPTOR.services_by_name["UserService"],
        group_pb2.DESCRIPTOR.services_by_name["GroupService"],
        token_pb2.DESCRIPTOR.services_by_name["ApiTokenService"],
        identity_provider_pb2.DESCRIPTOR.services_by_name["IdentityProviderService"],
        credential_pb2.DESCRIPTOR.services_by_name["CredentialService"],
    ),
    "registry": (
        application_pb2.DESCRIPTOR.services_by_name["ApplicationService"],
        compute_resource_pb2.DESCRIPTOR.services_by_name["ComputeResourceService"],
        storage_resource_pb2.DESCRIPTOR.services_by_name["StorageResourceService"],
        group_resource_profile_pb2.DESCRIPTOR.services_by_name["GroupResourceProfileService"],
        registry_copy_pb2.DESCRIPTOR.services_by_name["CopyService"],
        registry_parked_pb2.DESCRIPTOR.services_by_name["ParkedService"],
    ),
    "experiment": (
        project_pb2.DESCRIPTOR.services_by_name["ProjectService"],
        experiment_pb2.DESCRIPTOR.services_by_name["ExperimentService"],
        sharing_pb2.DESCRIPTOR.services_by_name["SharingService"],
        data_pb2.DESCRIPTOR.services_by_name["DataService"],
        experiment_copy_pb2.DESCRIPTOR.services_by_name["CopyService"],
        experiment_parked_pb2.DESCRIPTOR.services_by_name["ParkedService"],
    ),
    "scheduler": (
        scheduler_pb2.DESCRIPTOR.services_by_name["SchedulerService"],
        hold_pb2.DESCRIPTOR.services_by_name["HoldService"],
        scheduler_parked_pb2.DESCRIPTOR.services_by_name["ParkedService"],
    ),
    "executor": (
        executor_pb2.DESCRIPTOR.services_by_name["ExecutorService"],
        host_pb2.DESCRIPTOR.services_by_name["HostService"],
        executor_parked_pb2.DESCRIPTOR.services_by_name["ParkedService"],
    ),
    "eventsink": (eventsink_parked_pb2.DESCRIPTOR.services_by_name["ParkedService"],),
}
"""The services anyone with a token may call, by the service of the mesh that serves them."""

PRIVATE: dict[str, tuple[ServiceDescriptor, ...]] = {
    "profile": (
        credential_pb2.DESCRIPTOR.services_by_name["SigningService"],
        profile_snapshot_pb2.DESCRIPTOR.services_by_name["SnapshotService"],
    ),
    "registry": (registry_snapshot_pb2.DESCRIPTOR.services_by_name["SnapshotService"],),
    "scheduler": (scheduler_explanation_pb2.DESCRIPTOR.services_by_name["ExplanationService"],),
    "executor": (
        executor_pb2.DESCRIPTOR.services_by_name["ScriptService"],
        executor_explanation_pb2.DESCRIPTOR.services_by_name["ExplanationService"],
    ),
    "experiment": (process_pb2.DESCRIPTOR.services_by_name["ProcessService"],),
}
"""Called between services alone: never forwarded, but their health may be asked for."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method: its path, who serves it, and which ways it streams."""

    path: str
    backend: str
    requests_stream: bool
    responses_stream: bool

    @property
    def takes_any_token(self) -> bool:
        """Whether its owner takes what the caller showed, and not only an access token made of that."""
        return self.path.startswith(f"/{IDENTITY}/")

    @property
    def endless(self) -> bool:
        """A stream without an end of its own, by the naming rule of the contracts."""
        return self.path.rpartition("/")[2].startswith("Watch")


def routes() -> list[Route]:
    """Every method that is forwarded."""
    return [
        Route(f"/{service.full_name}/{method.name}", backend, method.client_streaming, method.server_streaming)
        for backend, services in PUBLIC.items()
        for service in services
        for method in service.methods
    ]


def public_names() -> list[str]:
    """Full names of the services that are forwarded."""
    return [service.full_name for services in PUBLIC.values() for service in services]


def owners() -> dict[str, str]:
    """The service of the mesh behind every gRPC service, private ones included, by full name."""
    return {
        service.full_name: backend
        for table in (PUBLIC, PRIVATE)
        for backend, services in table.items()
        for service in services
    }
