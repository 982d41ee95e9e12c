"""gRPC in: each call goes to its use case and the answer back."""

from collections.abc import Iterator

from services.chassis.rpc.copies import OperatedCopies
from services.chassis.rpc.exports import ExportedEntities
from services.registry.handlers.applications import Applications
from services.registry.handlers.compute_resources import ComputeResources
from services.registry.handlers.deployments import Deployments
from services.registry.handlers.group_resource_profiles import GroupResourceProfiles
from services.registry.handlers.storage_resources import StorageResources
from vahana.registry.v1 import (
    application_pb2,
    application_pb2_grpc,
    compute_resource_pb2,
    compute_resource_pb2_grpc,
    copy_pb2,
    copy_pb2_grpc,
    group_resource_profile_pb2,
    group_resource_profile_pb2_grpc,
    snapshot_pb2,
    snapshot_pb2_grpc,
    storage_resource_pb2,
    storage_resource_pb2_grpc,
)


class ComputeResourceService(compute_resource_pb2_grpc.ComputeResourceServiceServicer):
    """Serves vahana.registry.v1.ComputeResourceService."""

    def __init__(self, compute_resources: ComputeResources) -> None:
        self._compute_resources = compute_resources

    def CreateComputeResource(
        self, request: compute_resource_pb2.CreateComputeResourceRequest, context: object
    ) -> compute_resource_pb2.CreateComputeResourceResponse:
        return self._compute_resources.create(request)

    def GetComputeResource(
        self, request: compute_resource_pb2.GetComputeResourceRequest, context: object
    ) -> compute_resource_pb2.GetComputeResourceResponse:
        return self._compute_resources.get(request)

    def ListComputeResources(
        self, request: compute_resource_pb2.ListComputeResourcesRequest, context: object
    ) -> compute_resource_pb2.ListComputeResourcesResponse:
        return self._compute_resources.list(request)

    def UpdateComputeResource(
        self, request: compute_resource_pb2.UpdateComputeResourceRequest, context: object
    ) -> compute_resource_pb2.UpdateComputeResourceResponse:
        return self._compute_resources.update(request)

    def DeleteComputeResource(
        self, request: compute_resource_pb2.DeleteComputeResourceRequest, context: object
    ) -> compute_resource_pb2.DeleteComputeResourceResponse:
        return self._compute_resources.delete(request)


class StorageResourceService(storage_resource_pb2_grpc.StorageResourceServiceServicer):
    """Serves vahana.registry.v1.StorageResourceService."""

    def __init__(self, storage_resources: StorageResources) -> None:
        self._storage_resources = storage_resources

    def CreateStorageResource(
        self, request: storage_resource_pb2.CreateStorageResourceRequest, context: object
    ) -> storage_resource_pb2.CreateStorageResourceResponse:
        return self._storage_resources.create(request)

    def GetStorageResource(
        self, request: storage_resource_pb2.GetStorageResourceRequest, context: object
    ) -> storage_resource_pb2.GetStorageResourceResponse:
        return self._storage_resources.get(request)

    def ListStorageResources(
        self, request: storage_resource_pb2.ListStorageResourcesRequest, context: object
    ) -> storage_resource_pb2.ListStorageResourcesResponse:
        return self._storage_resources.list(request)

    def UpdateStorageResource(
        self, request: storage_resource_pb2.UpdateStorageResourceRequest, context: object
    ) -> storage_resource_pb2.UpdateStorageResourceResponse:
        return self._storage_resources.update(request)

    def DeleteStorageResource(
        self, request: storage_resource_pb2.DeleteStorageResourceRequest, context: object
    ) -> storage_resource_pb2.DeleteStorageResourceResponse:
        return self._storage_resources.delete(request)


class ApplicationService(application_pb2_grpc.ApplicationServiceServicer):
    """Serves vahana.registry.v1.ApplicationService."""

    def __init__(self, applications: Applications, deployments: Deployments) -> None:
        self._applications = applications
        self._deployments = deployments

    def CreateApplicationModule(
        self, request: application_pb2.CreateApplicationModuleRequest, context: object
    ) -> application_pb2.CreateApplicationModuleResponse:
        return self._applications.create_module(request)

    def CreateApplicationInterface(
        self, request: application_pb2.CreateApplicationInterfaceRequest, context: object
    ) -> application_pb2.CreateApplicationInterfaceResponse:
        return self._applications.create_interface(request)

    def CreateApplicationDeployment(
        self, request: application_pb2.CreateApplicationDeploymentRequest, context: object
    ) -> application_pb2.CreateApplicationDeploymentResponse:
        return self._deployments.create(request)

    def GetApplication(
        self, request: application_pb2.GetApplicationRequest, context: object
    ) -> application_pb2.GetApplicationResponse:
        return self._applications.get(request)

    def ListApplications(
        self, request: application_pb2.ListApplicationsRequest, context: object
    ) -> application_pb2.ListApplicationsResponse:
        return self._applications.list(request)

    def UpdateApplicationModule(
        self, request: application_pb2.UpdateApplicationModuleRequest, context: object
    ) -> application_pb2.UpdateApplicationModuleResponse:
        return self._applications.update_module(request)

    def UpdateApplicationDeployment(
        self, request: application_pb2.UpdateApplicationDeploymentRequest, context: object
    ) -> application_pb2.UpdateApplicationDeploymentResponse:
        return self._deployments.update(request)

    def DeleteApplicationDeployment(
        self, request: application_pb2.DeleteApplicationDeploymentRequest, context: object
    ) -> application_pb2.DeleteApplicationDeploymentResponse:
        return self._deployments.delete(request)


class GroupResourceProfileService(group_resource_profile_pb2_grpc.GroupResourceProfileServiceServicer):
    """Serves vahana.registry.v1.GroupResourceProfileService."""

    def __init__(self, group_resource_profiles: GroupResourceProfiles) -> None:
        self._group_resource_profiles = group_resource_profiles

    def CreateGroupResourceProfile(
        self, request: group_resource_profile_pb2.CreateGroupResourceProfileRequest, context: object
    ) -> group_resource_profile_pb2.CreateGroupResourceProfileResponse:
        return self._group_resource_profiles.create(request)

    def GetGroupResourceProfile(
        self, request: group_resource_profile_pb2.GetGroupResourceProfileRequest, context: object
    ) -> group_resource_profile_pb2.GetGroupResourceProfileResponse:
        return self._group_resource_profiles.get(request)

    def ListGroupResourceProfiles(
        self, request: group_resource_profile_pb2.ListGroupResourceProfilesRequest, context: object
    ) -> group_resource_profile_pb2.ListGroupResourceProfilesResponse:
        return self._group_resource_profiles.list(request)

    def UpdateGroupResourceProfile(
        self, request: group_resource_profile_pb2.UpdateGroupResourceProfileRequest, context: object
    ) -> group_resource_profile_pb2.UpdateGroupResourceProfileResponse:
        return self._group_resource_profiles.update(request)

    def DeleteGroupResourceProfile(
        self, request: group_resource_profile_pb2.DeleteGroupResourceProfileRequest, context: object
    ) -> group_resource_profile_pb2.DeleteGroupResourceProfileResponse:
        return self._group_resource_profiles.delete(request)


class SnapshotService(snapshot_pb2_grpc.SnapshotServiceServicer):
    """Serves vahana.registry.v1.SnapshotService."""

    def __init__(
        self,
        snapshots: ExportedEntities[snapshot_pb2.ExportEntitiesResponse, snapshot_pb2.FindEntitiesResponse],
    ) -> None:
        self._snapshots = snapshots

    def ExportEntities(
        self, request: snapshot_pb2.ExportEntitiesRequest, context: object
    ) -> Iterator[snapshot_pb2.ExportEntitiesResponse]:
        return self._snapshots.export(request)

    def FindEntities(
        self, request: snapshot_pb2.FindEntitiesRequest, context: object
    ) -> snapshot_pb2.FindEntitiesResponse:
        return self._snapshots.find(request)


class CopyService(copy_pb2_grpc.CopyServiceServicer):
    """Serves vahana.registry.v1.CopyService."""

    def __init__(self, copies: OperatedCopies[copy_pb2.ListCopiesResponse, copy_pb2.RebuildCopiesResponse]) -> None:
        self._copies = copies

    def ListCopies(self, request: copy_pb2.ListCopiesRequest, context: object) -> copy_pb2.ListCopiesResponse:
        return self._copies.list(request)

    def RebuildCopies(self, request: copy_pb2.RebuildCopiesRequest, context: object) -> copy_pb2.RebuildCopiesResponse:
        return self._copies.rebuild(request)
