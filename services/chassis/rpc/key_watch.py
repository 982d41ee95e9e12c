"""Learns the keys of access tokens from profile, where no file tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import grpc

from services.chassis import log
from services.chassis.errors import Unavailable
from services.chassis.rpc.access import EXCHANGE_SECONDS, Token
from services.chassis.rpc.keys import Keys
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc

PAUSE_SECONDS = 5.0
"""Between two questions to profile, however often an unknown key is met."""
EVERY_SECONDS = 600.0
"""After which it is asked unprompted: a key is told a day before its first use, and no more once it is withdrawn."""
_TURN_SECONDS = 0.25

_log = log.get(__name__)

Fetch = Callable[[], Mapping[str, bytes]]


def fetcher(profile: grpc.Channel, own: Token) -> Fetch:
    """Asks profile for its keys, with a token it knows this service by. Raises grpc.RpcError and Unavailable."""
    ask = identity_pb2_grpc.IdentityServiceStub(profile).ListSigningKeys

    def fetch() -> Mapping[str, bytes]:
        shown = (("authorization", f"Bearer {own.get()}"),)
        answer = ask(identity_pb2.ListSigningKeysRequest(), timeout=EXCHANGE_SECONDS, metadata=shown)
        return {key.key_id: key.public_key for key in answer.keys if key.algorithm == "EdDSA"}

    return fetch


class KeyWatch:
    """Asks when a key is wanted that is not known, from a thread of its own."""

    def __init__(self, keys: Keys, fetch: Fetch, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._keys = keys
        self._fetch = fetch
        self._pause = pause_seconds

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        # Started together with profile, which writes the file at its start, one may come a little later.
        stop.wait(self._pause / 5)
        self._keys.refresh()
        if self._keys.empty:
            self._keys.wanted.set()
        waited = 0.0
        while not stop.is_set():
            if self._keys.wanted.wait(_TURN_SECONDS) or waited >= EVERY_SECONDS:
                self._keys.wanted.clear()
                self._ask()
                waited = 0.0
                stop.wait(self._pause)
            waited += _TURN_SECONDS

    def _ask(self) -> None:
        try:
            self._keys.learn(self._fetch())
        except (grpc.RpcError, Unavailable, ValueError) as error:
            if self._keys.empty:
                self._keys.wanted.set()
            reason = error.code().name if isinstance(error, grpc.Call) else type(error).__name__
            _log.warning("profile does not tell its signing keys", reason=reason)
