"""gRPC in: each call goes to its use case and the answer back."""

from services.registry.handlers.applications import Applications
from services.registry.handlers.compute_resources import ComputeResources
from services.registry.handlers.storage_resources import StorageResources
from vahana.registry.v1 import (
    application_pb2,
    application_pb2_grpc,
    compute_resource_pb2,
    compute_resource_pb2_grpc,
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


class ApplicationService(application_pb2_grpc.ApplicationServiceServicer):
    """Serves vahana.registry.v1.ApplicationService."""

    def __init__(self, applications: Applications) -> None:
        self._applications = applications

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
        return self._applications.create_deployment(request)

    def GetApplication(
        self, request: application_pb2.GetApplicationRequest, context: object
    ) -> application_pb2.GetApplicationResponse:
        return self._applications.get(request)

    def ListApplications(
        self, request: application_pb2.ListApplicationsRequest, context: object
    ) -> application_pb2.ListApplicationsResponse:
        return self._applications.list(request)
