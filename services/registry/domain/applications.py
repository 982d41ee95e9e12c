"""An application: a module with its interface and its deployments."""

from dataclasses import dataclass

from services.registry.domain.deployments import Deployment
from services.registry.domain.interfaces import Interface


@dataclass(frozen=True)
class Module:
    """A program in one version."""

    name: str
    version: str
    description: str = ""
    retired: bool = False
    create_time_us: int = 0
    revision: int = 0


@dataclass(frozen=True)
class Application:
    """A module with all that belongs to it."""

    module: Module
    interface: Interface | None = None
    deployments: tuple[Deployment, ...] = ()
