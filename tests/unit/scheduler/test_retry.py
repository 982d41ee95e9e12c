"""A failed attempt is followed by another, in time, as often as the policy says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler import retry
from services.scheduler.retry import Again, GiveUp, Policy, after_failure
from vahana.event.v1 import state_pb2

POLICY = Policy(max_attempts=4, initial_backoff_us=2_000_000, max_backoff_us=5_000_000)


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 2_000_000), (2, 4_000_000), (3, 5_000_000)])
def test_the_wait_doubles_up_to_its_bound(attempt: int, ceiling: int) -> None:
    decision = after_failure(POLICY, attempt, retryable=True, condition=0, random=0.5)
    assert decision == Again(attempt + 1, ceiling // 2)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_wait_is_never_over_its_bound(attempt: int, random: float, initial: int, most: int) -> None:
    policy = Policy(attempt + 1, initial, most)
    decision = after_failure(policy, attempt, retryable=True, condition=0, random=random)
    assert isinstance(decision, Again)
    assert 0 <= decision.delay_us <= most


def test_the_last_attempt_is_the_last() -> None:
    assert after_failure(POLICY, 4, retryable=True, condition=0, random=0.5) == GiveUp()


def test_what_cannot_be_mended_is_given_up() -> None:
    assert after_failure(POLICY, 1, retryable=False, condition=0, random=0.5) == GiveUp()
    for condition in retry.NEEDS_A_PERSON:
        assert after_failure(POLICY, 1, retryable=True, condition=condition, random=0.5) == GiveUp()


def test_a_policy_without_a_number_means_one_attempt() -> None:
    assert after_failure(Policy(0, 1, 1), 1, retryable=True, condition=0, random=0.5) == GiveUp()


def test_the_conditions_for_a_person_are_those_of_the_contract() -> None:
    assert {
        state_pb2.CONDITION_CODE_HOST_KEY_MISMATCH,
        state_pb2.CONDITION_CODE_TAKEOVERS_EXHAUSTED,
    } == retry.NEEDS_A_PERSON
