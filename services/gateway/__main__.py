"""The gateway's wiring."""

from __future__ import annotations

import sys

from services.chassis.rpc.server import RpcServer
from services.chassis.run import Chassis, main
from services.chassis.settings import Settings
from services.gateway.backends import Backends
from services.gateway.forward import Forwarder
from services.gateway.health import MeshHealth
from services.gateway.table import owners, public_names, routes


def mount(rpc: RpcServer, settings: Settings) -> None:
    """Make `rpc` the gateway of the services whose addresses `settings` holds."""
    backends = Backends(settings)
    handlers = {route.path: Forwarder(route, backends, rpc.guard).handler() for route in routes()}
    rpc.forward(handlers.get, public_names(), MeshHealth(backends, owners()))


def wire() -> Chassis:
    """Put the gateway together; it has neither a database nor threads."""
    settings = Settings(service="gateway")
    chassis = Chassis.start(settings, None, "services.gateway")
    mount(chassis.rpc, settings)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
