"""What the registry knows of applications, of compute resources and of who may use them, as far as it matters here."""

from __future__ import annotations

from dataclasses import dataclass
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


class Parallelism(IntEnum):
    """How a program spreads over CPU cores; numbers are those of `vahana.event.v1`."""

    UNSPECIFIED = 0
    SERIAL = 1
    THREADED = 2
    MPI = 3


@dataclass(frozen=True, slots=True)
class JobResources:
    """What a job asks for; 0 and empty: nothing named. Memory is in MiB on each node, GPUs are on each node."""

    batch_queue: str = ""
    allocation: str = ""
    node_count: int = 0
    cpu_count: int = 0
    memory_mib: int = 0
    wall_time_s: float = 0.0
    gpu_count: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a job may ask for, in the units of JobResources; 0: no limit."""

    node_count: int = 0
    cpu_count: int = 0
    memory_mib: int = 0
    wall_time_s: float = 0.0
    gpu_count: int = 0


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
    revision: int = 0
    parallelism: Parallelism = Parallelism.UNSPECIFIED
    launcher: tuple[str, ...] = ()
    default_resources: JobResources = JobResources()


@dataclass(frozen=True, slots=True)
class Application:
    """An application module in one version; `interface` is None until it was created."""

    name: str
    version: str
    interface: Interface | None = None
    deployments: tuple[Deployment, ...] = ()
    revision: int = 0
    retired: bool = False

    def deployment_on(self, compute_resource: str) -> Deployment | None:
        """Its deployment on that compute resource, if it has one."""
        return next((each for each in self.deployments if each.compute_resource == compute_resource), None)


@dataclass(frozen=True, slots=True)
class BatchQueue:
    """A queue of a compute resource; `default`: for jobs that name none."""

    name: str
    limits: Limits = Limits()
    default: bool = False


@dataclass(frozen=True, slots=True)
class LoginPreference:
    """The login of a group's users; an empty `credential_id` or `scratch` is the compute resource's own."""

    group: str
    login: str
    credential_id: str = ""
    scratch: str = ""


@dataclass(frozen=True, slots=True)
class ComputeResource:
    """A host that runs jobs, as it is registered at the moment.

    `restricted`: only for users whom a group resource profile lets in; `disabled`: nothing new may be launched there.
    """

    name: str
    address: str
    port: int
    login: str
    credential_id: str
    scratch: str
    job_manager: int
    host_keys: tuple[str, ...] = ()
    queues: tuple[BatchQueue, ...] = ()
    revision: int = 0
    restricted: bool = False
    disabled: bool = False
    login_preferences: tuple[LoginPreference, ...] = ()

    def queue(self, name: str) -> BatchQueue | None:
        """Its queue of that name, or its default one where `name` is empty; None where there is none."""
        return next((each for each in self.queues if (each.name == name if name else each.default)), None)


@dataclass(frozen=True, slots=True)
class ResourceGrant:
    """Lets groups use a compute resource within limits; no queues or allocations named: all of them."""

    compute_resource: str
    batch_queues: tuple[str, ...] = ()
    allocations: tuple[str, ...] = ()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class GroupResourceProfile:
    """What the users of some groups may use."""

    name: str
    groups: tuple[str, ...] = ()
    grants: tuple[ResourceGrant, ...] = ()


class Catalog(Protocol):
    """Where such facts are looked up; raises the chassis's Unavailable where there is no way to know.

    It may lag behind the registry: what it says is missing or at fault is to be asked of `fresh` before it is believed.
    """

    def fresh(self) -> Catalog:
        """The same, asking the registry first; what it says where the registry does not answer."""
        ...

    def application(self, tenant: str, name: str, version: str) -> Application | None:
        """The application in that version, the latest one not retired where `version` is empty; None where unknown."""
        ...

    def compute_resource(self, tenant: str, name: str) -> ComputeResource | None:
        """The compute resource of that name; None where unknown."""
        ...

    def group_resource_profiles(self, tenant: str) -> tuple[GroupResourceProfile, ...]:
        """All group resource profiles of the tenant, by name."""
        ...
