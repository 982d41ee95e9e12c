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


def test_what_is_given_back_can_be_taken_again(clock):
    buckets = Buckets(1, 2, clock)
    assert _taken(buckets, "ada", 3) == 2
    buckets.give_back("ada")
    assert _taken(buckets, "ada", 2) == 1
    clock.now += 60
    buckets.give_back("ada")
    buckets.give_back("olga")
    assert _taken(buckets, "ada", 5) == _taken(buckets, "olga", 5) == 2


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
