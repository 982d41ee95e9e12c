"""When a pool is closed, and when it is open again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.executor.domain.closing import full
from services.executor.domain.queues import Lane, Pool

FAST, SLOW = Pool(1, Lane.FAST), Pool(1, Lane.SLOW)


@pytest.mark.parametrize(
    ("waiting", "closed", "expected"),
    [
        (0, False, False),
        (100, False, False),
        (101, False, True),
        (101, True, True),
        (76, True, True),
        (75, True, False),
        (76, False, False),
    ],
)
def test_a_pool_closes_when_it_is_full_and_opens_when_a_quarter_is_gone(waiting, closed, expected):
    assert full({FAST: waiting}, {FAST} if closed else (), 100) == ({FAST} if expected else frozenset())


def test_each_lane_of_each_type_is_closed_for_itself():
    waiting = {FAST: 11, SLOW: 10, Pool(2, Lane.FAST): 3, Pool(2, Lane.SLOW): 12}
    assert full(waiting, (), 10) == {FAST, Pool(2, Lane.SLOW)}


@given(st.integers(1, 10**6), st.booleans())
def test_an_empty_pool_is_open(capacity, named):
    assert full({FAST: 0} if named else {}, {FAST}, capacity) == frozenset()
