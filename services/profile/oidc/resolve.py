"""The addresses of a provider's host, asked for within a time, and which of them may be connected to."""

import queue
import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from services.profile.domain.addresses import is_loopback, is_public


class Endpoint(NamedTuple):
    """What a socket is made of and connected to: no name is left to resolve."""

    family: int
    kind: int
    protocol: int
    address: Any

    @property
    def host(self) -> str:
        """The IP address."""
        return str(self.address[0])


def endpoints(host: str, port: int, timeout_s: float, *, plain: bool, private: bool) -> list[Endpoint]:
    """Where a host may be connected to: at its public addresses, or at any where `private` ones are allowed too.

    `plain`: what is sent is not encrypted, and goes to this machine alone. Raises OSError where there is nowhere.
    """
    found = _resolved(host, port, timeout_s)
    if plain:
        found = [each for each in found if is_loopback(each.host)]
    allowed = [each for each in found if private or is_public(each.host)]
    if not allowed:
        raise OSError("the host has no address that keys may be fetched from; see VAHANA_PRIVATE_IDENTITY_PROVIDERS")
    return allowed


def _resolved(host: str, port: int, timeout_s: float) -> list[Endpoint]:
    outcome: queue.SimpleQueue[list[Endpoint] | Exception] = queue.SimpleQueue()
    # The resolver has time limits of its own, longer ones; nothing else ends a call to it.
    asking = threading.Thread(target=_ask, args=(host, port, outcome.put), name="resolve", daemon=True)
    asking.start()
    try:
        answer = outcome.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError("the provider's host was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ask(host: str, port: int, put: Callable[[list[Endpoint] | Exception], None]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        put(error)
        return
    put([Endpoint(family, kind, protocol, address) for family, kind, protocol, _, address in found])
