"""What a user asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from services.experiment.domain.facts import JobResources


class CleanupPolicy(IntEnum):
    """When a process's directory is removed; numbers are those of `vahana.experiment.v1`."""

    UNSPECIFIED = 0
    NONE = 1
    ALWAYS = 2
    ONLY_COMPLETED = 3
    ONLY_FAILED = 4


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file, by content, and the name it gets on the compute resource; `size` is in bytes."""

    sha256: str
    file_name: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class InputValue:
    """One input as given: a value, or files."""

    name: str
    value: str | None = None
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """One request to run an application; `batch_queue` is taken where `resources` name none."""

    name: str
    project: str
    application: str
    application_version: str
    compute_resource: str
    batch_queue: str = ""
    inputs: tuple[InputValue, ...] = ()
    cleanup_policy: CleanupPolicy = CleanupPolicy.UNSPECIFIED
    resources: JobResources = field(default_factory=JobResources)

    @property
    def wanted(self) -> JobResources:
        """What the job is to ask for, as far as the experiment says."""
        return replace(self.resources, batch_queue=self.resources.batch_queue or self.batch_queue)

    def given(self, name: str) -> InputValue | None:
        """The input of that name, where it was given."""
        return next((each for each in self.inputs if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that breaks a rule: which, what is wrong with it, and the way out."""

    field: str
    description: str
