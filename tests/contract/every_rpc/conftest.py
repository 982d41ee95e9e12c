"""All services that answer RPCs, in this process, reached by each other, over one bus in memory."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.chassis.bus.memory import MemoryBus
from tests.contract.conftest import serving
from tests.contract.every_rpc.rpcs import SERVICES
from tests.contract.every_rpc.world import World


@pytest.fixture(scope="module")
def start_mesh(
    exchange_address: str, kafka_ports: Callable[[int], list[int]]
) -> Callable[..., contextlib.AbstractContextManager[dict[str, Any]]]:
    """`with start_mesh(directory, url_of) as mesh:` runs all services; `url_of(service)` is its database's URL.

    They answer calls; what they do by themselves, as sending and consuming messages, does not run.
    """

    @contextlib.contextmanager
    def running(directory: Path, url_of: Callable[[str], str]) -> Iterator[dict[str, Any]]:
        ports = dict(zip(SERVICES, kafka_ports(len(SERVICES)), strict=True))
        common = {f"{name}_address": f"127.0.0.1:{port}" for name, port in ports.items()} | {
            "executor_connect_seconds": "1",
            "local_storage_root": str(directory / "storage"),
        }
        bus = MemoryBus()
        # profile comes first: the others verify its access tokens and exchange theirs with it.
        order = sorted(SERVICES, key=lambda name: name != "profile")
        with (
            pytest.MonkeyPatch.context() as monkeypatch,
            serving(directory, monkeypatch, exchange_address) as serve,
        ):
            monkeypatch.setattr("services.chassis.bus.kafka.KafkaBus", lambda *_: bus)
            yield {
                name: serve(_wire(name), listen=f"127.0.0.1:{ports[name]}", database_url=url_of(name), **common)
                for name in order
            }

    return running


@pytest.fixture(scope="module")
def mesh(start_mesh: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The running services by name, on SQLite; shared by the tests of a module."""
    directory = tmp_path_factory.mktemp("mesh")
    with start_mesh(directory, lambda name: f"sqlite:///{directory}/{name}.db") as services:
        yield services


@pytest.fixture(scope="module")
def postgres_mesh(start_mesh: Any, tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[dict[str, Any]]:
    """The same on PostgreSQL."""
    with start_mesh(tmp_path_factory.mktemp("mesh"), lambda _name: postgres.database()) as services:
        yield services


@pytest.fixture(scope="module")
def world(mesh: dict[str, Any]) -> World:
    """The mesh with something in it."""
    return World(mesh)


@pytest.fixture(scope="module")
def postgres_world(postgres_mesh: dict[str, Any]) -> World:
    """The same on PostgreSQL."""
    return World(postgres_mesh)


def _wire(name: str) -> Callable[[], Any]:
    wire: Callable[[], Any] = importlib.import_module(f"services.{name}.__main__").wire
    return wire
