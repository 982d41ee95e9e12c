"""What becomes of a launch that a rule does not allow."""

from __future__ import annotations

from services.chassis.errors import FieldViolation, InvalidFields, NotAllowed, WrongState
from services.experiment.domain.policy import (
    ACCESS,
    ALLOCATION,
    GRANT_LIMITS,
    PROJECT_WRITE,
    QUEUE_LIMITS,
    Judgement,
    Verdict,
)

_RIGHTS = frozenset({ACCESS, ALLOCATION, PROJECT_WRITE})
_LIMITS = frozenset({QUEUE_LIMITS, GRANT_LIMITS})
_FIELDS = {"wall_time_s": "wall_time"}


def refuse(judgement: Judgement) -> None:
    """Raise NotAllowed, InvalidFields naming what is too much, or WrongState where a rule does not allow it."""
    denied = [each for each in judgement.verdicts if not each.allowed]
    rights = [each for each in denied if each.rule in _RIGHTS]
    limits = [each for each in denied if each.rule in _LIMITS]
    if rights:
        raise NotAllowed(_told(rights))
    if limits:
        raise InvalidFields([violation for each in limits for violation in _violations(each)])
    if denied:
        raise WrongState(_told(denied))


def rightful(judgement: Judgement) -> bool:
    """Whether the caller may use the compute resource and launch, sizes and states aside."""
    return all(each.allowed for each in judgement.verdicts if each.rule in _RIGHTS)


def _violations(verdict: Verdict) -> list[FieldViolation]:
    return [
        FieldViolation(f"spec.resources.{_FIELDS.get(field, field)}", f"{verdict.rule}: {verdict.reason}")
        for field in verdict.fields
    ]


def _told(verdicts: list[Verdict]) -> str:
    return "; ".join(f"{each.rule}: {each.reason}" for each in verdicts)
