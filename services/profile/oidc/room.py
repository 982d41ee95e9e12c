"""How many logins may wait for providers at once: slow ones are to leave threads to everybody else."""

import contextlib
import threading
from collections.abc import Iterator

from services.chassis.errors import Unavailable
from services.chassis.tally import Tally

MOST_OF_A_PLACE = 2
"""One that fetches and one that comes meanwhile; a place that answers lets the next in soon."""
MOST_OF_A_TENANT = 4
"""However many providers it has."""
MOST = 8
"""Of all tenants: half of the threads there are by default."""
_MESH = ("mesh", "")
_TOLD = {
    "place": "this identity provider",
    "tenant": "identity providers of this tenant",
    "mesh": "identity providers",
}


class Room:
    """Counts those who wait. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Tally[tuple[str, str]] = Tally()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        with self._lock:
            return self._waiting[_MESH]

    @contextlib.contextmanager
    def enter(self, tenant: str, place: str) -> Iterator[None]:
        """Wait within the block. Raises Unavailable where too many do already."""
        limits = {("place", place): MOST_OF_A_PLACE, ("tenant", tenant): MOST_OF_A_TENANT, _MESH: MOST}
        with self._lock:
            full = next((each for each, most in limits.items() if self._waiting[each] >= most), None)
            if full is not None:
                raise Unavailable(f"{limits[full]} logins wait for {_TOLD[full[0]]} already; log in again later")
            self._waiting.update(limits.keys())
        try:
            yield
        finally:
            with self._lock:
                for each in limits:
                    self._waiting.less(each)
