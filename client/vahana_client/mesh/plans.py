"""What the local mesh is made of: which processes, with which settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vahana_client.home import Home
from vahana_client.mesh.health import serving
from vahana_client.mesh.kafka import LocalKafka
from vahana_client.mesh.ports import SERVICES, answers
from vahana_client.mesh.process import ProcessPlan
from vahana_client.mesh.sshd import LocalSshd

_NOT_INHERITED = ("VAHANA_LISTEN", "VAHANA_DATABASE_URL", "VAHANA_TOKEN", "VAHANA_TOKEN_FILE", "VAHANA_SERVICE")
"""Settings that differ from service to service."""


@dataclass(frozen=True)
class MeshOptions:
    """What `vahana up` was asked for. `kafka` is the HOST:PORT of an existing broker, or ""."""

    ports: Mapping[str, int] = field(default_factory=dict)
    free_ports: bool = False
    kafka: str = ""
    local_host: bool = True
    patience_seconds: float = 120.0


@dataclass(frozen=True)
class Mesh:
    """The parts of one mesh. Kafka is absent where an existing broker is used."""

    kafka: LocalKafka | None
    sshd: LocalSshd | None
    plans: tuple[ProcessPlan, ...]


def plan_mesh(home: Home, ports: Mapping[str, int], options: MeshOptions) -> Mesh:
    """Writes what the processes need and lays them out in the order of their start. Fails with KafkaError and SshdError
    where Kafka or the SSH server cannot run here."""
    kafka = None if options.kafka else LocalKafka(home.path, ports["kafka"], ports["kafka-controller"])
    sshd = LocalSshd(home.path, ports["sshd"]) if options.local_host else None
    plans = []
    if kafka is not None:
        kafka.prepare()
        environment = {**os.environ, **kafka.environment()}
        plans.append(_server(home, "kafka", kafka.command(), environment, kafka.bootstrap, kafka.answers))
    if sshd is not None:
        sshd.prepare()
        plans.append(_server(home, "sshd", sshd.command(), os.environ, f"127.0.0.1:{sshd.port}", sshd.answers))
    plans += [_service(home, name, ports, options) for name in SERVICES]
    return Mesh(kafka, sshd, tuple(plans))


def bootstrap(ports: Mapping[str, int], options: MeshOptions) -> str:
    """The broker's address."""
    return options.kafka or f"127.0.0.1:{ports['kafka']}"


def _server(  # noqa: PLR0917 (the parts of a plan)
    home: Home, name: str, command: list[str], environment: Mapping[str, str], address: str, ready: Callable[[], bool]
) -> ProcessPlan:
    return ProcessPlan(
        name=name,
        command=command,
        environment=environment,
        directory=home.path,
        log=home.log_file(name),
        address=address,
        # A closed port is told at once; asking the server itself takes a while.
        answers=lambda: answers(address) and ready(),
    )


def _service(home: Home, name: str, ports: Mapping[str, int], options: MeshOptions) -> ProcessPlan:
    address = f"127.0.0.1:{ports[name]}"
    return ProcessPlan(
        name=name,
        # -P keeps the working directory off the module path.
        command=[sys.executable, "-P", "-m", f"services.{name}"],
        environment=service_environment(home, name, ports, bootstrap(ports, options), os.environ),
        directory=home.path,
        log=home.log_file(name),
        address=address,
        answers=lambda: serving(address),
    )


def service_environment(
    home: Home, name: str, ports: Mapping[str, int], kafka: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a service: that of `vahana up`, with this mesh's settings. VAHANA_<SERVICE>_DATABASE_URL
    gives one service another database than its SQLite file."""
    environment = {key: value for key, value in inherited.items() if key not in _NOT_INHERITED}
    environment |= {f"VAHANA_{peer.upper()}_ADDRESS": f"127.0.0.1:{ports[peer]}" for peer in SERVICES}
    environment |= {
        "VAHANA_HOME": str(home.path),
        "VAHANA_LISTEN": f"127.0.0.1:{ports[name]}",
        "VAHANA_KAFKA_BOOTSTRAP": kafka,
        "VAHANA_IDENTITIES_FILE": str(home.identities_file),
        "VAHANA_TOKEN_FILE": str(home.token_file(name)),
    }
    if url := inherited.get(f"VAHANA_{name.upper()}_DATABASE_URL"):
        environment["VAHANA_DATABASE_URL"] = url
    return environment


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
