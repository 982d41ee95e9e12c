"""The pure retry rule: a failed attempt is followed by another one, after a while, or the task is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

# A condition that another attempt meets again, whatever the executor thinks of it, since it needs a person:
# vahana.event.v1.ConditionCode HOST_KEY_MISMATCH.
NEEDS_A_PERSON = frozenset({3})
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """Bounds for what follows failures of certain conditions; times in microseconds, None for the policy's."""

    conditions: frozenset[int]
    max_attempts: int
    initial_backoff_us: int | None = None
    max_backoff_us: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds of a task's attempts; times in microseconds. `total_budget_us` runs from the first attempt; 0 for none."""

    max_attempts: int
    initial_backoff_us: int
    max_backoff_us: int
    total_budget_us: int = 0
    by_condition: Sequence[ConditionRule] = ()

    def for_condition(self, condition: int) -> Policy:
        """The bounds that hold after a failure of this condition: those of the first rule that names it."""
        rule = next((each for each in self.by_condition if condition in each.conditions), None)
        if rule is None:
            return self
        initial, most = rule.initial_backoff_us, rule.max_backoff_us
        return replace(
            self,
            max_attempts=rule.max_attempts,
            initial_backoff_us=self.initial_backoff_us if initial is None else initial,
            max_backoff_us=self.max_backoff_us if most is None else most,
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """The failure of an attempt (from 1), so long after the first one was opened, in microseconds."""

    attempt: int
    retryable: bool
    condition: int
    elapsed_us: int = 0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There is no next attempt. `why`: where the policy's time, and not the failure itself, is the cause."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """The next attempt's number, how long to wait before it, in microseconds, and how many attempts there may be."""

    attempt: int
    delay_us: int
    max_attempts: int


def after_failure(policy: Policy, failed: Failed, *, random: float) -> GiveUp | Again:
    """What follows a failure. `random`, in [0, 1), spreads the wait over its whole range (full jitter), so that the
    tasks one outage has failed do not come back all at once.
    """
    bounds = policy.for_condition(failed.condition)
    most = max(bounds.max_attempts, 1)
    if not failed.retryable or failed.condition in NEEDS_A_PERSON or failed.attempt >= most:
        return GiveUp()
    # The shift is bounded: 2**40 microseconds are twelve days.
    ceiling = min(bounds.max_backoff_us, bounds.initial_backoff_us << min(failed.attempt - 1, 40))
    delay = int(ceiling * random)
    if policy.total_budget_us and failed.elapsed_us + delay > policy.total_budget_us:
        return GiveUp(f"its budget of {policy.total_budget_us / _SECOND:g} s for all attempts is spent")
    return Again(failed.attempt + 1, delay, most)
