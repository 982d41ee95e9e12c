"""How much a caller may have under way, so that one takes no room from all the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

from services.chassis.errors import LimitExceeded
from services.chassis.rpc.auth import SERVICE, Identity
from services.chassis.tally import Tally

_Caller: TypeAlias = "tuple[str, str]"

_FREE: AbstractContextManager[None] = nullcontext()


class Shares:
    """Counts the calls under way by tenant and subject. For one event loop."""

    def __init__(self, calls: int = sys.maxsize, watches: int = sys.maxsize) -> None:
        """A caller may have `calls` under way, `watches` of which may be streams that have no end of their own."""
        self._most_calls = calls
        self._most_watches = watches
        self._calls: Tally[_Caller] = Tally()
        self._watches: Tally[_Caller] = Tally()

    def one(self, who: Identity | None, *, endless: bool = False) -> AbstractContextManager[None]:
        """Count a call for as long as the block runs; entering it raises LimitExceeded where it is one too many.

        Services of the mesh are not counted: they call for all their tenants, from pools of their own.
        """
        if who is None or SERVICE in who.roles:
            return _FREE
        return self._counted((who.tenant, who.subject), endless)

    @contextmanager
    def _counted(self, caller: _Caller, endless: bool) -> Iterator[None]:
        self._require_room(caller, endless)
        self._calls[caller] += 1
        self._watches[caller] += int(endless)
        try:
            yield
        finally:
            self._calls.less(caller)
            self._watches.less(caller, int(endless))

    def _require_room(self, caller: _Caller, endless: bool) -> None:
        if endless and self._watches[caller] >= self._most_watches:
            raise LimitExceeded(
                f"{caller[1]!r} watches {self._most_watches} things here, and no caller may watch more at once"
                " (VAHANA_WATCHES_PER_CALLER): end a watch, or ask now and then instead"
            )
        if self._calls[caller] >= self._most_calls:
            raise LimitExceeded(
                f"{caller[1]!r} has {self._most_calls} calls under way here, and no caller may have more at once"
                " (VAHANA_CALLS_PER_CALLER): wait for some to end, then call again"
            )
