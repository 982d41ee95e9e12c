"""What the registry knows of applications and compute resources, as far as checking and planning need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol


class DataType(IntEnum):
    """The type of an input or output; numbers are those of `vahana.registry.v1`."""

    STRING = 1
    INTEGER = 2
    FLOAT = 3
    BOOLEAN = 4
    URI = 5
    URI_COLLECTION = 6
    STDOUT = 7
    STDERR = 8

    @property
    def takes_files(self) -> bool:
        """Whether inputs of this type are given as files rather than as a value."""
        return self in (DataType.URI, DataType.URI_COLLECTION)


@dataclass(frozen=True, slots=True)
class InputDefinition:
    """One typed input of an application."""

    name: str
    type: DataType
    required: bool = True
    default: str | None = None
    choices: tuple[str, ...] = ()
    on_command_line: bool = False
    option: str = ""


@dataclass(frozen=True, slots=True)
class OutputDefinition:
    """One typed output of an application; `file` is its path in the work directory, or the name to give it."""

    name: str
    type: DataType
    file: str
    required: bool = True
    on_command_line: bool = False
    option: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """The inputs, in the order of the command line, and the outputs."""

    inputs: tuple[InputDefinition, ...] = ()
    outputs: tuple[OutputDefinition, ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """How an application runs on one compute resource; `command_timeout` is in seconds."""

    compute_resource: str
    executable: str
    arguments: tuple[str, ...] = ()
    module_loads: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    pre_job_commands: tuple[tuple[str, ...], ...] = ()
    post_job_commands: tuple[tuple[str, ...], ...] = ()
    command_timeout: float = 3600.0
    rerun_safe: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    """An application module in one version; `interface` is None until it was created."""

    name: str
    version: str
    interface: Interface | None = None
    deployments: tuple[Deployment, ...] = ()

    def deployment_on(self, compute_resource: str) -> Deployment | None:
        """Its deployment on that compute resource, if it has one."""
        return next((each for each in self.deployments if each.compute_resource == compute_resource), None)


@dataclass(frozen=True, slots=True)
class ComputeResource:
    """A host that runs jobs, as it is registered at the moment."""

    name: str
    address: str
    port: int
    login: str
    credential_id: str
    scratch: str
    job_manager: int
    host_keys: tuple[str, ...] = field(default=())
    batch_queues: tuple[str, ...] = field(default=())


class Catalog(Protocol):
    """Where such facts are looked up; raises the chassis's Unavailable where their owner does not answer."""

    def application(self, tenant: str, name: str, version: str) -> Application | None:
        """The application in that version, the one registered last where `version` is empty; None where unknown."""
        ...

    def compute_resource(self, tenant: str, name: str) -> ComputeResource | None:
        """The compute resource of that name; None where unknown."""
        ...
