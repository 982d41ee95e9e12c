"""Who calls the gateway, and how often they may."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from services.chassis.errors import LimitExceeded, NotAllowed, Refusal, TokenInvalid, TokenMissing
from services.chassis.rpc.access_tokens import MAX_TOKEN_LENGTH, AccessTokenVerifier, issued_here, token_digest
from services.chassis.rpc.auth import SERVICE, Identity, Undecided
from services.chassis.rpc.connections import address_of
from services.gateway.exchange import Entry, Exchanges
from services.gateway.limits import Buckets
from services.gateway.settings import GatewaySettings

access_token: ContextVar[str] = ContextVar("vahana_access_token")
"""The token to pass on with the present call."""


class Callers:
    """Lets in who shows an access token, or anything profile gives one for. For one event loop."""

    def __init__(
        self,
        settings: GatewaySettings,
        verifier: AccessTokenVerifier,
        exchanges: Exchanges,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verifier = verifier
        self._exchanges = exchanges
        self._calls = Buckets(settings.rate_per_second, settings.rate_burst, clock)
        self._failures = Buckets(settings.failed_rate_per_second, settings.failed_rate_burst, clock)

    def verify(self, token: str) -> Identity:
        """Whose `token` is, where that is known; it takes a while, and Undecided, for one not seen lately."""
        if not token:
            raise TokenMissing
        digest = token_digest(token)
        entry = self._exchanges.known(digest) or self._signed(token, digest)
        if entry is None:
            raise Undecided(functools.partial(self._decide, token))
        return self._count(entry)

    def _count(self, entry: Entry) -> Identity:
        identity = entry.identity
        if SERVICE in identity.roles:
            # It may act in any tenant, which is nothing to have from outside.
            raise NotAllowed("services of the mesh call one another directly, not through the gateway")
        if not self._calls.take((identity.tenant, identity.subject)):
            raise LimitExceeded(f"{identity.subject!r} calls too often; call again later")
        access_token.set(entry.access_token)
        return identity

    async def _decide(self, token: str, context: Any) -> Identity:
        address = address_of(context.peer())
        # Each is taken for a failure until it is known not to be: as many as come at once would all find room.
        if not self._failures.take(address):
            raise LimitExceeded("too many calls from there have shown no good token; call again later")
        try:
            identity = self._count(await self._authenticate(token, address))
        except Refusal as refusal:
            if not isinstance(refusal, TokenInvalid | NotAllowed):
                self._failures.give_back(address)
            raise
        self._failures.give_back(address)
        return identity

    async def _authenticate(self, token: str, address: str) -> Entry:
        if len(token) > MAX_TOKEN_LENGTH or issued_here(token):
            raise TokenInvalid
        return await self._exchanges.exchange(token, address)

    def _signed(self, token: str, digest: bytes) -> Entry | None:
        """For an access token that is good; it goes on as it is."""
        identity = self._verifier.remembered(digest)
        if identity is not None:
            return Entry(token, identity)
        if len(token) > MAX_TOKEN_LENGTH or not issued_here(token):
            return None
        try:
            return Entry(token, self._verifier.verify(token))
        except TokenInvalid:
            return None
