"""gRPC in."""

import grpc

from services.chassis.rpc.auth import caller
from services.executor.handlers import Handlers
from vahana.executor.v1 import executor_pb2, executor_pb2_grpc

SERVICE = "vahana.executor.v1.ExecutorService"


class ExecutorTransport(executor_pb2_grpc.ExecutorServiceServicer):
    """Serves vahana.executor.v1.ExecutorService."""

    def __init__(self, handlers: Handlers) -> None:
        """Take the use cases."""
        self._handlers = handlers

    def ListClaims(
        self, request: executor_pb2.ListClaimsRequest, context: grpc.ServicerContext
    ) -> executor_pb2.ListClaimsResponse:
        """See the service."""
        return self._handlers.list_claims(caller().tenant, request)
