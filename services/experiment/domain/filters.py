"""What narrows a list of experiments."""

from __future__ import annotations

from dataclasses import dataclass

from services.experiment.domain.transitions import ExperimentState


@dataclass(frozen=True, slots=True)
class Filters:
    """Only experiments that fit all of these; what is empty fits all."""

    project: str = ""
    states: tuple[ExperimentState, ...] = ()
    owner: str = ""
    tag: str = ""
    application: str = ""
