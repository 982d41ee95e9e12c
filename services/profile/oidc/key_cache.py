"""The providers' keys, kept between logins so that few of these wait for a provider."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from services.chassis import log
from services.chassis.errors import Unavailable
from services.profile.oidc.fetch import FetchFailed
from services.profile.oidc.keys import Key, KeyRefused, parse
from services.profile.oidc.room import Room

FRESH_S = 600.0
"""How long keys are used before they are asked for again."""
STALE_S = 24 * 3600.0
"""How long keys are used while their provider is away."""
PAUSE_S = 30.0
"""Least time between two fetches from one place, whatever they are for."""
_PLACES = 1000

_log = log.get(__name__)


class KeyCache:
    """Keys by where they come from. From any thread, outside of transactions."""

    def __init__(self, fetch: Callable[[str], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        """`fetch` raises FetchFailed; `clock` tells seconds."""
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._room = Room()

    def find(self, uri: str, key_id: str, tenant: str) -> list[Key]:
        """The keys of that id there; none where there is none.

        Unavailable while no keys of the place are known, and where too many logins, to that `tenant` or at all, wait.
        """
        place = self._place(uri)
        if place.wanted(key_id, self._clock()):
            self._refresh(place, key_id, tenant)
        if place.age(self._clock()) > STALE_S:
            raise Unavailable("the identity provider does not tell its keys; log in again later")
        return [key for key in place.keys if key.key_id == key_id]

    def _place(self, uri: str) -> "_Place":
        with self._lock:
            place = self._places.setdefault(uri, _Place(uri))
            self._places.move_to_end(uri)
            if len(self._places) > _PLACES:
                self._places.popitem(last=False)
            return place

    def _refresh(self, place: "_Place", key_id: str, tenant: str) -> None:
        try:
            with self._room.enter(tenant, place.uri):
                # Where the keys known will do, whoever comes while they are being fetched goes on with them.
                if place.lock.acquire(blocking=not place.knows(key_id)):
                    try:
                        self._fetch_into(place, key_id)
                    finally:
                        place.lock.release()
        except Unavailable:
            if not place.knows(key_id):
                raise

    def _fetch_into(self, place: "_Place", key_id: str) -> None:
        if not place.wanted(key_id, self._clock()):
            return
        try:
            place.keys = parse(self._fetch(place.uri), strict=False)
            place.told_at = self._clock()
        except (FetchFailed, KeyRefused) as error:
            # Without the query, in which some providers want a secret.
            _log.warning("keys of an identity provider not fetched", uri=place.uri.partition("?")[0], error=str(error))
        finally:
            # Not before: whoever comes meanwhile is to wait for what this one gets.
            place.asked_at = self._clock()


class _Place:
    """What is known of the keys of one place."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.lock = threading.Lock()
        self.keys: tuple[Key, ...] = ()
        self.asked_at = float("-inf")
        self.told_at = float("-inf")

    def age(self, now: float) -> float:
        return now - self.told_at

    def knows(self, key_id: str) -> bool:
        return any(key.key_id == key_id for key in self.keys)

    def wanted(self, key_id: str, now: float) -> bool:
        """Whether the place is to be asked, for want of this key or of a fresh answer."""
        if self.knows(key_id) and self.age(now) < FRESH_S:
            return False
        return now - self.asked_at >= PAUSE_S
