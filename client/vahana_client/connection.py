"""A connection to a mesh: typed stubs on one address, with the caller's token on every call."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import grpc

from vahana.eventsink.v1 import parked_pb2_grpc as eventsink_parked
from vahana.executor.v1 import parked_pb2_grpc as executor_parked
from vahana.executor.v1.executor_pb2_grpc import ExecutorServiceStub
from vahana.executor.v1.host_pb2_grpc import HostServiceStub
from vahana.experiment.v1 import parked_pb2_grpc as experiment_parked
from vahana.experiment.v1.data_pb2_grpc import DataServiceStub
from vahana.experiment.v1.experiment_pb2_grpc import ExperimentServiceStub
from vahana.experiment.v1.project_pb2_grpc import ProjectServiceStub
from vahana.experiment.v1.sharing_pb2_grpc import SharingServiceStub
from vahana.profile.v1.credential_pb2_grpc import CredentialServiceStub
from vahana.profile.v1.group_pb2_grpc import GroupServiceStub
from vahana.profile.v1.identity_pb2_grpc import IdentityServiceStub
from vahana.profile.v1.identity_provider_pb2_grpc import IdentityProviderServiceStub
from vahana.profile.v1.tenant_pb2_grpc import TenantServiceStub
from vahana.profile.v1.token_pb2_grpc import ApiTokenServiceStub
from vahana.profile.v1.user_pb2_grpc import UserServiceStub
from vahana.registry.v1 import parked_pb2_grpc as registry_parked
from vahana.registry.v1.application_pb2_grpc import ApplicationServiceStub
from vahana.registry.v1.compute_resource_pb2_grpc import ComputeResourceServiceStub
from vahana.registry.v1.group_resource_profile_pb2_grpc import GroupResourceProfileServiceStub
from vahana.registry.v1.storage_resource_pb2_grpc import StorageResourceServiceStub
from vahana.scheduler.v1 import parked_pb2_grpc as scheduler_parked
from vahana.scheduler.v1.hold_pb2_grpc import HoldServiceStub
from vahana_client.channels import open_channel

CALL_SECONDS = 30.0
"""The longest wait for the answer to one call, where the caller names none."""

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            # Safe for writes too: each of them carries a request id.
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
        # Where gRPC is to repeat a call that answers with a stream, the death of the other end can leave it hanging for
        # ever, past its deadline (grpc/grpc#41036).
        {
            "name": [
                {"service": "vahana.experiment.v1.ExperimentService", "method": "WatchExperiment"},
                {"service": "vahana.experiment.v1.DataService", "method": "DownloadOutput"},
            ]
        },
    ],
}
OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
]
"""Of every channel to a gateway."""


class ParkedStub(Protocol):
    """A ParkedService: every service that consumes messages has the same under a name of its own."""

    @property
    def ListParkedMessages(self) -> Callable[..., Any]: ...

    @property
    def UnparkMessage(self) -> Callable[..., Any]: ...

    @property
    def DiscardMessage(self) -> Callable[..., Any]: ...


class Connection:
    """The services of one mesh, behind its gateway. Calls raise grpc.RpcError."""

    def __init__(self, address: str, token: str) -> None:
        """Opens a connection lazily: nothing is sent before the first call. `address` is HOST:PORT. It uses TLS where
        VAHANA_CA_FILE names a file, and fails with OSError where that cannot be read."""
        self.address = address
        self._channel = open_channel(address, OPTIONS)
        channel = grpc.intercept_channel(self._channel, _Caller(token))
        self.api_tokens = ApiTokenServiceStub(channel)
        self.applications = ApplicationServiceStub(channel)
        self.compute_resources = ComputeResourceServiceStub(channel)
        self.credentials = CredentialServiceStub(channel)
        self.data = DataServiceStub(channel)
        self.executors = ExecutorServiceStub(channel)
        self.experiments = ExperimentServiceStub(channel)
        self.group_resource_profiles = GroupResourceProfileServiceStub(channel)
        self.groups = GroupServiceStub(channel)
        self.holds = HoldServiceStub(channel)
        self.hosts = HostServiceStub(channel)
        self.identity = IdentityServiceStub(channel)
        self.identity_providers = IdentityProviderServiceStub(channel)
        self.parked: dict[str, ParkedStub] = {
            "registry": registry_parked.ParkedServiceStub(channel),
            "experiment": experiment_parked.ParkedServiceStub(channel),
            "scheduler": scheduler_parked.ParkedServiceStub(channel),
            "executor": executor_parked.ParkedServiceStub(channel),
            "eventsink": eventsink_parked.ParkedServiceStub(channel),
        }
        """By the service that set messages aside."""
        self.projects = ProjectServiceStub(channel)
        self.sharing = SharingServiceStub(channel)
        self.storage_resources = StorageResourceServiceStub(channel)
        self.tenants = TenantServiceStub(channel)
        self.users = UserServiceStub(channel)

    def close(self) -> None:
        """Ends the connection and the calls under way."""
        self._channel.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def new_request_id() -> str:
    """Returns an id under which a write has its effect once, however often it is sent."""
    return f"req-{uuid.uuid4().hex}"


class _Page(Protocol):
    next_page_token: str


P = TypeVar("P", bound=_Page)
T = TypeVar("T")


def every(page: Callable[[str], P], rows: Callable[[P], Iterable[T]]) -> Iterator[T]:
    """Yields the rows of all pages; `page` fetches the one with the given token, "" for the first."""
    token = ""
    while True:
        answer = page(token)
        yield from rows(answer)
        token = answer.next_page_token
        if not token:
            return


class _Details(grpc.ClientCallDetails):
    """The details of a call, with other metadata and deadline."""

    def __init__(
        self, given: grpc.ClientCallDetails, timeout: float | None, metadata: Sequence[tuple[str, str | bytes]]
    ) -> None:
        self.method = given.method
        self.timeout = timeout
        self.metadata = tuple(metadata)
        self.credentials = given.credentials
        self.wait_for_ready = given.wait_for_ready
        self.compression = given.compression


class _Caller(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
):
    """Puts the token and a request id on each call, and a deadline on each that returns a single answer."""

    def __init__(self, token: str) -> None:
        self._authorization = f"Bearer {token}"

    def _details(self, given: grpc.ClientCallDetails, timeout: float | None) -> _Details:
        metadata = [
            *(given.metadata or ()),
            ("authorization", self._authorization),
            ("x-request-id", new_request_id()),
        ]
        return _Details(given, given.timeout if given.timeout is not None else timeout, metadata)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._details(client_call_details, CALL_SECONDS), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._details(client_call_details, None), request)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return continuation(self._details(client_call_details, None), request_iterator)
