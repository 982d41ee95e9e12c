"""The pure retry rule: a failed attempt is followed by another one, after a while, or the task is given up."""

from __future__ import annotations

from dataclasses import dataclass

# Conditions that another attempt meets again, whatever the executor thinks of it: vahana.event.v1.ConditionCode
# HOST_KEY_MISMATCH and TAKEOVERS_EXHAUSTED. Both need a person.
NEEDS_A_PERSON = frozenset({3, 14})


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds of a task's attempts; times in microseconds."""

    max_attempts: int
    initial_backoff_us: int
    max_backoff_us: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There is no next attempt."""


@dataclass(frozen=True, slots=True)
class Again:
    """The next attempt's number, and how long to wait before it, in microseconds."""

    attempt: int
    delay_us: int


def after_failure(policy: Policy, attempt: int, *, retryable: bool, condition: int, random: float) -> GiveUp | Again:
    """What follows the failure of `attempt` (from 1). `random`, in [0, 1), spreads the wait over its whole range (full
    jitter), so that the tasks one outage has failed do not come back all at once.
    """
    if not retryable or condition in NEEDS_A_PERSON or attempt >= max(policy.max_attempts, 1):
        return GiveUp()
    # The shift is bounded: 2**40 microseconds are twelve days.
    ceiling = min(policy.max_backoff_us, policy.initial_backoff_us << min(attempt - 1, 40))
    return Again(attempt + 1, int(ceiling * random))
