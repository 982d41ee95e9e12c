"""A failed attempt is followed by another, in time, as often as the policy says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler import retry
from services.scheduler.retry import Again, ConditionRule, Failed, GiveUp, Policy, after_failure
from vahana.event.v1 import state_pb2

POLICY = Policy(max_attempts=4, initial_backoff_us=2_000_000, max_backoff_us=5_000_000)


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 2_000_000), (2, 4_000_000), (3, 5_000_000)])
def test_the_wait_doubles_up_to_its_bound(attempt: int, ceiling: int) -> None:
    decision = after_failure(POLICY, Failed(attempt, True, 0), random=0.5)
    assert decision == Again(attempt + 1, ceiling // 2, 4)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_wait_is_never_over_its_bound(attempt: int, random: float, initial: int, most: int) -> None:
    policy = Policy(attempt + 1, initial, most)
    decision = after_failure(policy, Failed(attempt, True, 0), random=random)
    assert isinstance(decision, Again)
    assert 0 <= decision.delay_us <= most


def test_the_last_attempt_is_the_last() -> None:
    assert after_failure(POLICY, Failed(4, True, 0), random=0.5) == GiveUp()


def test_what_cannot_be_mended_is_given_up() -> None:
    assert after_failure(POLICY, Failed(1, False, 0), random=0.5) == GiveUp()
    for condition in retry.NEEDS_A_PERSON:
        assert after_failure(POLICY, Failed(1, True, condition), random=0.5) == GiveUp()


def test_a_policy_without_a_number_means_one_attempt() -> None:
    assert after_failure(Policy(0, 1, 1), Failed(1, True, 0), random=0.5) == GiveUp()


def test_the_condition_for_a_person_is_that_of_the_contract() -> None:
    assert {state_pb2.CONDITION_CODE_HOST_KEY_MISMATCH} == retry.NEEDS_A_PERSON


def test_a_rule_for_the_condition_takes_the_place_of_the_policy() -> None:
    rules = (ConditionRule(frozenset({8}), 1), ConditionRule(frozenset({8, 13}), 9, 7_000_000, None))
    policy = Policy(2, 2_000_000, 5_000_000, by_condition=rules)
    assert after_failure(policy, Failed(1, True, 8), random=0.5) == GiveUp()
    # Longer than the policy's longest wait, which holds where the rule has none.
    assert after_failure(policy, Failed(5, True, 13), random=0.5) == Again(6, 2_500_000, 9)
    assert after_failure(policy, Failed(2, True, 6), random=0.5) == GiveUp()


def test_no_attempt_is_opened_once_the_budget_for_all_is_spent() -> None:
    policy = Policy(10, 2_000_000, 5_000_000, total_budget_us=60_000_000)
    assert after_failure(policy, Failed(1, True, 0, elapsed_us=59_000_000), random=0.5) == Again(2, 1_000_000, 10)
    ended = after_failure(policy, Failed(1, True, 0, elapsed_us=59_000_001), random=0.5)
    assert ended == GiveUp("its budget of 60 s for all attempts is spent")


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_the_next_attempt_is_never_after_the_budget(elapsed: int, budget: int, random: float) -> None:
    policy = Policy(10, 2_000_000, 5_000_000, total_budget_us=budget)
    decision = after_failure(policy, Failed(1, True, 0, elapsed), random=random)
    assert isinstance(decision, GiveUp) or not budget or elapsed + decision.delay_us <= budget
