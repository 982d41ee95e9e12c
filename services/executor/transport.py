"""gRPC in."""

import grpc

from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role, require_service
from services.executor.explaining import Explaining
from services.executor.handlers import Handlers
from services.executor.host_listing import HostListing
from services.executor.resources import EXPERIMENT, Resources
from vahana.executor.v1 import (
    executor_pb2,
    executor_pb2_grpc,
    explanation_pb2,
    explanation_pb2_grpc,
    host_pb2,
    host_pb2_grpc,
)

SERVICE = "vahana.executor.v1.ExecutorService"
SCRIPT_SERVICE = "vahana.executor.v1.ScriptService"
HOST_SERVICE = "vahana.executor.v1.HostService"
EXPLANATION_SERVICE = "vahana.executor.v1.ExplanationService"


class ExecutorTransport(executor_pb2_grpc.ExecutorServiceServicer):
    """Serves vahana.executor.v1.ExecutorService."""

    def __init__(self, handlers: Handlers, resources: Resources) -> None:
        """Take the use cases."""
        self._handlers, self._resources = handlers, resources

    def ListClaims(
        self, request: executor_pb2.ListClaimsRequest, context: grpc.ServicerContext
    ) -> executor_pb2.ListClaimsResponse:
        """See the service."""
        require_role(ADMIN, OPERATOR)
        return self._handlers.list_claims(caller().tenant, request)

    def CheckComputeResource(
        self, request: executor_pb2.CheckComputeResourceRequest, context: grpc.ServicerContext
    ) -> executor_pb2.CheckComputeResourceResponse:
        """See the service."""
        return self._resources.check(caller(), request)


class ScriptTransport(executor_pb2_grpc.ScriptServiceServicer):
    """Serves vahana.executor.v1.ScriptService, to the experiment service alone."""

    def __init__(self, resources: Resources) -> None:
        """Take the use cases."""
        self._resources = resources

    def RenderJobScript(
        self, request: executor_pb2.RenderJobScriptRequest, context: grpc.ServicerContext
    ) -> executor_pb2.RenderJobScriptResponse:
        """See the service."""
        require_service(EXPERIMENT)
        return self._resources.render(request)


class HostTransport(host_pb2_grpc.HostServiceServicer):
    """Serves vahana.executor.v1.HostService, to operators: hosts are shared by tenants."""

    def __init__(self, hosts: HostListing) -> None:
        """Take the use cases."""
        self._hosts = hosts

    def ListHosts(
        self, request: host_pb2.ListHostsRequest, context: grpc.ServicerContext
    ) -> host_pb2.ListHostsResponse:
        """See the service."""
        require_role(OPERATOR)
        return self._hosts.page(request)


class ExplanationTransport(explanation_pb2_grpc.ExplanationServiceServicer):
    """Serves vahana.executor.v1.ExplanationService, to the experiment service alone."""

    def __init__(self, explaining: Explaining) -> None:
        """Take the use cases."""
        self._explaining = explaining

    def ExplainClaims(
        self, request: explanation_pb2.ExplainClaimsRequest, context: grpc.ServicerContext
    ) -> explanation_pb2.ExplainClaimsResponse:
        """See the service."""
        require_service(EXPERIMENT)
        found = self._explaining.claims(caller().tenant, request.process_id)
        return explanation_pb2.ExplainClaimsResponse(explanations=found)
