"""How many watches of health may be open: they need no token, and each holds a stream for as long as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.errors import LimitExceeded
from services.chassis.rpc.connections import address_of
from services.chassis.tally import Tally

PER_ADDRESS = 100
"""Most watches open from one address."""
IN_ALL = 1000
"""Most watches open from anywhere."""


class OpenWatches:
    """Counts them. For one event loop.

    The first of a connection is always let in. With it gRPC's clients learn whether they may call over that
    connection at all: who fills the limits must not cut off the services of the mesh from one another.
    """

    def __init__(self, per_address: int = PER_ADDRESS, in_all: int = IN_ALL) -> None:
        self._per_address = per_address
        self._in_all = in_all
        self._of_connections: Tally[str] = Tally()
        self._of_addresses: Tally[str] = Tally()

    @contextmanager
    def one(self, peer: str) -> Iterator[None]:
        """Count a watch of `peer`, as gRPC names it, for as long as the block runs. LimitExceeded where there are too
        many."""
        address = address_of(peer)
        if self._of_connections[peer]:
            self._require_room(address)
        self._of_connections[peer] += 1
        self._of_addresses[address] += 1
        try:
            yield
        finally:
            self._of_connections.less(peer)
            self._of_addresses.less(address)

    def _require_room(self, address: str) -> None:
        if self._of_addresses[address] >= self._per_address:
            raise LimitExceeded(
                f"{self._per_address} watches of health are open from there, and no address may have more at once:"
                " end one, or use Check now and then"
            )
        if self._of_connections.total() >= self._in_all:
            raise LimitExceeded(
                f"{self._in_all} watches of health are open here, and there may be no more at once: use Check now and"
                " then, or come again later"
            )
