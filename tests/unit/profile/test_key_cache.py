"""Keys of providers: kept, and asked for by few at once."""

import threading
from contextlib import contextmanager

import pytest

from services.chassis.errors import Unavailable
from services.profile.oidc import room
from services.profile.oidc.fetch import FetchFailed
from services.profile.oidc.key_cache import FRESH_S, PAUSE_S, STALE_S, KeyCache
from tests.contract.profile.provider import Provider


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Place:
    """Counts how often it is asked."""

    def __init__(self):
        self.provider, self.asked, self.away = Provider(), 0, False

    def __call__(self, uri):
        self.asked += 1
        if self.away:
            raise FetchFailed("away")
        return self.provider.jwks().encode()

    def rotate(self, key_id):
        self.provider.keys = {key_id: next(iter(self.provider.keys.values()))}


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(place, clock):
    return KeyCache(place, clock)


def found(cache, key_id, uri="https://id.example.org/keys", tenant="default"):
    return [key.key_id for key in cache.find(uri, key_id, tenant)]


def test_keys_are_asked_for_every_ten_minutes(cache, place, clock):
    for _ in range(3):
        assert found(cache, "k1") == ["k1"]
    clock.now += FRESH_S - 1
    assert found(cache, "k1") == ["k1"]
    assert place.asked == 1
    clock.now += 1
    assert found(cache, "k1") == ["k1"]
    assert place.asked == 2


def test_an_unknown_key_is_asked_for_twice_a_minute_at_most(cache, place, clock):
    assert found(cache, "k2") == found(cache, "k3") == []
    assert place.asked == 1
    place.rotate("k2")
    clock.now += PAUSE_S - 1
    assert found(cache, "k2") == []
    clock.now += 1
    assert found(cache, "k2") == ["k2"]
    assert found(cache, "k1") == []
    assert place.asked == 2


def test_a_provider_away_is_gone_on_without(cache, place, clock):
    assert found(cache, "k1") == ["k1"]
    place.away = True
    clock.now += STALE_S
    assert found(cache, "k1") == ["k1"]
    assert found(cache, "k2") == []
    clock.now += 1
    with pytest.raises(Unavailable):
        found(cache, "k1")
    place.away = False
    clock.now += PAUSE_S
    assert found(cache, "k1") == ["k1"]


def test_a_provider_never_reached_is_asked_twice_a_minute_at_most(cache, place):
    place.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            found(cache, "k1")
    assert place.asked == 1


def test_places_are_kept_apart_and_forgotten(cache, place):
    for number in range(1001):
        found(cache, "k1", f"https://id.example.org/{number}")
    found(cache, "k1", "https://id.example.org/1000")
    assert place.asked == 1001
    found(cache, "k1", "https://id.example.org/0")
    assert place.asked == 1002


class Slow:
    """Answers nobody until it is told to, but where it is quick."""

    def __init__(self, place):
        self.place, self.go_on, self.quick = place, threading.Event(), set()

    def __call__(self, uri):
        if uri not in self.quick:
            assert self.go_on.wait(30)
        return self.place(uri)


@pytest.fixture
def slow(place):
    return Slow(place)


@contextmanager
def waiting(cache, slow, logins):
    """A block while these logins, by uri and tenant, wait; they end with it."""
    threads = [
        threading.Thread(target=found, args=(cache, f"n{number}", uri, tenant))
        for number, (uri, tenant) in enumerate(logins)
    ]
    for thread in threads:
        thread.start()
    try:
        while cache._room.waiting < len(threads):
            assert all(thread.is_alive() for thread in threads)
        yield
    finally:
        slow.go_on.set()
        for thread in threads:
            thread.join(10)
    assert cache._room.waiting == 0


def test_a_slow_provider_holds_few_and_those_with_a_known_key_not_at_all(slow, clock, place):
    cache = KeyCache(slow, clock)
    slow.quick.add("slow")
    assert found(cache, "k1", "slow") == ["k1"]
    slow.quick = {"other"}
    clock.now += FRESH_S
    with waiting(cache, slow, [("slow", "default")] * room.MOST_OF_A_PLACE):
        with pytest.raises(Unavailable, match="2 logins wait for this identity provider"):
            found(cache, "another", "slow")
        assert found(cache, "k1", "slow") == ["k1"]
        assert found(cache, "k1", "other") == ["k1"]
    assert found(cache, "k1", "slow") == ["k1"]
    assert place.asked == 3


def test_the_slow_providers_of_a_tenant_leave_room_for_others(slow, clock):
    cache = KeyCache(slow, clock)
    slow.quick = {"quick"}
    with waiting(cache, slow, [(f"slow-{number}", "eve") for number in range(room.MOST_OF_A_TENANT)]):
        for uri in ("quick", "slow-9"):
            with pytest.raises(Unavailable, match="4 logins wait for identity providers of this tenant"):
                found(cache, "k1", uri, "eve")
        assert found(cache, "k1", "quick", "default") == ["k1"]
    assert found(cache, "k1", "slow-9", "eve") == ["k1"]


def test_all_that_wait_are_half_of_the_threads(slow, clock):
    cache = KeyCache(slow, clock)
    logins = [(f"slow-{number}", f"tenant-{number}") for number in range(room.MOST)]
    with waiting(cache, slow, logins), pytest.raises(Unavailable, match="8 logins wait for identity providers"):
        found(cache, "k1", "quick", "default")


def test_who_fails_leaves_the_room(cache, place):
    place.away = True
    for number in range(2 * room.MOST):
        with pytest.raises(Unavailable, match="does not tell"):
            found(cache, "k1", f"{number}")
