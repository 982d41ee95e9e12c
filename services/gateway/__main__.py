"""The gateway's wiring."""

from __future__ import annotations

import sys

from services.chassis.rpc.access_tokens import AccessTokenVerifier
from services.chassis.rpc.server import RpcServer
from services.chassis.run import Chassis, main
from services.gateway.backends import Backends
from services.gateway.callers import Callers
from services.gateway.exchange import Exchanges
from services.gateway.forward import Forwarder
from services.gateway.health import MeshHealth
from services.gateway.settings import GatewaySettings
from services.gateway.table import owners, public_names, routes


def mount(rpc: RpcServer, settings: GatewaySettings, verifier: AccessTokenVerifier) -> None:
    """Make `rpc` the gateway of the services whose addresses `settings` holds."""
    backends = Backends(settings)
    rpc.let_in_by(Callers(settings, verifier, Exchanges(backends.exchange)))
    handlers = {route.path: Forwarder(route, backends, rpc.guard).handler() for route in routes()}
    rpc.forward(handlers.get, public_names(), MeshHealth(backends, owners()))


def wire() -> Chassis:
    """Put the gateway together; it has neither a database nor threads."""
    settings = GatewaySettings()
    chassis = Chassis.start(settings, None, "services.gateway")
    mount(chassis.rpc, settings, chassis.verifier)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
