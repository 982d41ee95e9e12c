"""What can go wrong with a task: either it waits for something outside, or the attempt has failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.executor.domain.jobs import Job


class Condition(StrEnum):
    """The cause for programs: the names of vahana.event.v1.ConditionCode without their prefix."""

    UNSPECIFIED = "UNSPECIFIED"
    HOST_UNREACHABLE = "HOST_UNREACHABLE"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    HOST_KEY_MISMATCH = "HOST_KEY_MISMATCH"
    DISK_FULL = "DISK_FULL"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    NONZERO_EXIT = "NONZERO_EXIT"
    KILLED_BY_SIGNAL = "KILLED_BY_SIGNAL"
    JOB_LOST = "JOB_LOST"
    DIGEST_MISMATCH = "DIGEST_MISMATCH"
    OUTPUT_MISSING = "OUTPUT_MISSING"
    EXECUTABLE_NOT_FOUND = "EXECUTABLE_NOT_FOUND"
    ACCESS_DENIED = "ACCESS_DENIED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    TAKEOVERS_EXHAUSTED = "TAKEOVERS_EXHAUSTED"
    UNKNOWN = "UNKNOWN"
    SIZE_LIMIT = "SIZE_LIMIT"
    TIMEOUT = "TIMEOUT"
    CANCELED_BY_USER = "CANCELED_BY_USER"
    PAUSED_BY_USER = "PAUSED_BY_USER"
    ON_HOLD = "ON_HOLD"
    MESSAGE_PARKED = "MESSAGE_PARKED"


CONTACT = frozenset({Condition.HOST_UNREACHABLE, Condition.LOGIN_REFUSED})
"""Conditions that are over as soon as a command has run on the host."""


class Trouble(Exception):  # noqa: N818 - the word covers both kinds
    """Why a task does not go on. `reason` is a sentence a person can act on, the same for the same trouble."""

    def __init__(self, condition: Condition, reason: str) -> None:
        """Keep both; but a NUL, which programs write and PostgreSQL stores in no text, is replaced."""
        super().__init__(f"{condition}: {reason}")
        self.condition = condition
        self.reason = reason.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Waiting(Trouble):
    """The attempt waits for something outside and is tried again, until its budget is spent."""


class Failure(Trouble):
    """The attempt has failed. `retryable`: whether another attempt could mend it."""

    def __init__(
        self,
        condition: Condition,
        reason: str,
        *,
        retryable: bool = False,
        job: Job | None = None,
        facts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`job`: as it ended, where it concerns one; `facts`: for programs, e.g. "stderr_tail"."""
        super().__init__(condition, reason)
        self.retryable, self.job, self.facts = retryable, job, dict(facts)


_SAID: tuple[tuple[re.Pattern[str], Condition], ...] = (
    (re.compile(r"no space left", re.I), Condition.DISK_FULL),
    (re.compile(r"quota exceeded", re.I), Condition.QUOTA_EXCEEDED),
    (re.compile(r"permission denied|operation not permitted|read-only file system", re.I), Condition.ACCESS_DENIED),
    (re.compile(r"command not found|: not found", re.I), Condition.EXECUTABLE_NOT_FOUND),
)
_WAITS = frozenset({Condition.DISK_FULL, Condition.QUOTA_EXCEEDED})
_NOT_FOUND_EXIT = 127


def of_command(what: str, exit_code: int, stderr: str) -> Trouble:
    """Class the failure of one of our own commands on a host, by what it said in the C locale.

    `what` names it in a sentence, e.g. "making the directories on u@host:22".
    """
    said = " ".join(stderr.split())[-500:] or f"exit code {exit_code}, and nothing was said"
    condition = next((found for pattern, found in _SAID if pattern.search(stderr)), Condition.UNKNOWN)
    if condition is Condition.UNKNOWN and exit_code == _NOT_FOUND_EXIT:
        condition = Condition.EXECUTABLE_NOT_FOUND
    reason = f"{what}: {said}"
    if condition in _WAITS:
        return Waiting(condition, reason)
    return Failure(condition, reason, retryable=condition is Condition.UNKNOWN)
