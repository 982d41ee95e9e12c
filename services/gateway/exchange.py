"""Turns what callers show into access tokens, at profile; each once a minute, however often it is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

from services.chassis.errors import LimitExceeded, Refusal, Unavailable
from services.chassis.recent import Recent
from services.chassis.rpc.access_tokens import token_digest
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.errors import from_error
from services.chassis.tally import Tally
from vahana.profile.v1 import identity_pb2

KEPT_SECONDS = 60.0
"""How long the outcome of an exchange is used: what profile revokes has no way in from then on."""
REFUSED_SECONDS = 5.0
"""How long a refusal is repeated without asking."""
_KEPT = 10_000
_AT_ONCE = 500
_AT_ONCE_EACH = 20
"""Of those, for one address: whoever shows tokens by the hundred must not keep all others out."""

Ask = Callable[[str], Awaitable[identity_pb2.ExchangeTokenResponse]]
"""Exchanges a token; raises grpc.RpcError."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A caller who is in: the access token to pass on, and whom it stands for."""

    access_token: str
    identity: Identity


class Exchanges:
    """What profile said about tokens lately, by their digests. For one event loop."""

    def __init__(
        self, ask: Ask, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._wall = wall
        self._entries: Recent[bytes, Entry] = Recent(_KEPT, clock)
        self._refusals: Recent[bytes, Refusal] = Recent(_KEPT, clock)
        self._under_way: dict[bytes, asyncio.Task[Entry]] = {}
        self._under_way_for: Tally[str] = Tally()

    def known(self, digest: bytes) -> Entry | None:
        """What is known of a token without asking, by its digest."""
        return self._entries.get(digest)

    async def exchange(self, token: str, address: str) -> Entry:
        """Ask profile for a caller at `address`, once however many ask for the same. Raises the refusal that profile
        answers with, LimitExceeded where too many are asked about, and Unavailable where profile does not answer."""
        digest = token_digest(token)
        refusal = self._refusals.get(digest)
        if refusal is not None:
            # Without what it carries of the call it was first raised in.
            raise refusal.with_traceback(None)
        task = self._under_way.get(digest)
        if task is None:
            task = self._begin(token, digest, address)
        # One caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def _begin(self, token: str, digest: bytes, address: str) -> asyncio.Task[Entry]:
        if self._under_way_for[address] >= _AT_ONCE_EACH:
            raise LimitExceeded(f"{_AT_ONCE_EACH} tokens from there are being looked at already; call again later")
        if len(self._under_way) >= _AT_ONCE:
            raise LimitExceeded("too many callers come in at once; call again later")
        task = asyncio.create_task(self._exchange(token, digest))
        self._under_way[digest] = task
        self._under_way_for[address] += 1
        task.add_done_callback(lambda ended: self._ended(digest, address, ended))
        return task

    def _ended(self, digest: bytes, address: str, task: asyncio.Task[Entry]) -> None:
        del self._under_way[digest]
        self._under_way_for.less(address)
        if not task.cancelled():
            # Seen, even where all who waited for it have gone.
            task.exception()

    async def _exchange(self, token: str, digest: bytes) -> Entry:
        try:
            answer = await self._ask(token)
        except grpc.RpcError as error:
            refusal = from_error(error)
            if refusal is None or isinstance(refusal, Unavailable | LimitExceeded):
                raise Unavailable("profile does not answer, which tells who a new caller is") from error
            self._refusals.put(digest, refusal, self._clock() + REFUSED_SECONDS)
            raise refusal from None
        end = answer.expire_time.ToNanoseconds() / 1e9
        entry = Entry(answer.access_token, _identity(answer.caller, end))
        self._entries.put(digest, entry, self._clock() + min(KEPT_SECONDS, end - self._wall()))
        return entry


def _identity(caller: identity_pb2.Caller, end: float) -> Identity:
    roles, scopes = frozenset(caller.roles), frozenset(caller.scopes)
    return Identity(caller.subject, caller.tenant, roles, scopes, caller.token_id, end)
