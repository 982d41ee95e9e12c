"""The services behind the gateway: their addresses, and one channel to each."""

from __future__ import annotations

import functools
from typing import Any

import grpc

from services.chassis.rpc import connections
from services.chassis.rpc.access import EXCHANGE_SECONDS
from services.chassis.rpc.tls import Tls
from services.chassis.settings import Settings
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc


class Backends:
    """Opens channels with their first use, on the loop that uses them, and keeps them."""

    def __init__(self, settings: Settings) -> None:
        self._addresses: dict[str, str] = {
            "profile": settings.profile_address,
            "registry": settings.registry_address,
            "experiment": settings.experiment_address,
            "scheduler": settings.scheduler_address,
            "executor": settings.executor_address,
            "eventsink": settings.eventsink_address,
        }
        self._max_message_bytes = settings.max_message_bytes
        self._tls = Tls.of(settings)

    @functools.cache  # noqa: B019 - lives as long as the process
    def calls(self, backend: str) -> grpc.aio.Channel:
        """For calls passed on. Repeating them is left to callers, who know which of theirs may be repeated."""
        return self._connect(backend, self._options(health_checked=True))

    @functools.cache  # noqa: B019 - as above
    def health(self, backend: str) -> grpc.aio.Channel:
        """For asking after health, which reaches a service that takes no calls now.

        Anybody may ask, and takes no room from calls by it: it has a connection of its own.
        """
        return self._connect(backend, self._options(health_checked=False, own_connection=True))

    async def exchange(self, token: str) -> identity_pb2.ExchangeTokenResponse:
        """Ask profile for an access token for `token`; raises grpc.RpcError."""
        stub: Any = identity_pb2_grpc.IdentityServiceStub(self.calls("profile"))
        shown = (("authorization", f"Bearer {token}"),)
        answer: identity_pb2.ExchangeTokenResponse = await stub.ExchangeToken(
            identity_pb2.ExchangeTokenRequest(), timeout=EXCHANGE_SECONDS, metadata=shown
        )
        return answer

    def _options(self, **policy: bool) -> connections.Options:
        return connections.channel_options(self._max_message_bytes, retries=False, **policy)

    def _connect(self, backend: str, options: connections.Options) -> grpc.aio.Channel:
        return connections.connect_aio(self._addresses[backend], options, self._tls)
