"""Token buckets."""

import pytest

from services.gateway.limits import Buckets


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def _taken(buckets, caller, times):
    return sum(buckets.take(caller) for _ in range(times))


def test_a_burst_and_then_the_rate(clock):
    buckets = Buckets(10, 5, clock)
    assert _taken(buckets, "ada", 8) == 5
    clock.now += 0.35
    assert _taken(buckets, "ada", 8) == 3
    clock.now += 60
    assert _taken(buckets, "ada", 8) == 5


def test_callers_do_not_meet(clock):
    buckets = Buckets(1, 2, clock)
    assert _taken(buckets, ("default", "ada"), 3) == 2
    assert _taken(buckets, ("other", "ada"), 3) == 2


def test_looking_takes_nothing(clock):
    buckets = Buckets(1, 1, clock)
    assert all(buckets.has_room("ada") for _ in range(3))
    assert buckets.take("ada")
    assert not buckets.has_room("ada")
    clock.now += 1
    assert buckets.has_room("ada")


def test_refused_calls_are_not_counted(clock):
    buckets = Buckets(1, 1, clock)
    assert _taken(buckets, "ada", 100) == 1
    clock.now += 1
    assert buckets.take("ada")


def test_memory_is_bounded(clock):
    buckets = Buckets(1, 2, clock, callers=3)
    for number in range(10):
        buckets.take(number)
    assert len(buckets._left) == 3
    assert _taken(buckets, 9, 3) == 1
    assert _taken(buckets, 0, 3) == 2
