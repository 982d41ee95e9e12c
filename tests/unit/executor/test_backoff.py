"""Backoff of blocked attempts."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.executor.backoff import SECOND, Backoff, give_up_at, next_try, spoken


def test_waits_double_up_to_the_longest() -> None:
    class Most(Random):
        def random(self) -> float:
            return 1.0

    backoff = Backoff(1.0, 30.0)
    assert [backoff.seconds(tries, Most()) for tries in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(st.integers(0, 10**6), st.integers())
def test_waits_are_between_half_and_whole(tries: int, seed: int) -> None:
    assert 0.5 <= Backoff(1.0, 30.0).seconds(tries, Random(seed)) <= 30.0


@given(st.integers(0, 10**16), st.integers(0, 10**10), st.floats(0, 30), st.integers(0, 10**10))
def test_the_last_try_is_at_the_end_of_the_budget(since: int, waited: int, wait: float, budget: int) -> None:
    now, end = since + waited, give_up_at(since, budget)
    again = next_try(now, wait, end)
    assert now <= again <= max(now, end)


def test_budgets_in_words() -> None:
    assert [spoken(seconds * SECOND) for seconds in (900, 120, 119, 10, 3)] == [
        "15 min",
        "2 min",
        "119 s",
        "10 s",
        "3.0 s",
    ]
