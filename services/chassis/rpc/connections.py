"""How a socket is opened, here and nowhere else: credentials, limits, keepalive and the policy of a channel."""

from __future__ import annotations

import json
import socket
from typing import Any

import grpc

from services.chassis.rpc.tls import PLAIN, Tls

Options = list[tuple[str, Any]]

_MINUTE_MS = 60_000

_RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

_NOT_REPEATED = [
    {"service": "vahana.profile.v1.SnapshotService", "method": "ExportEntities"},
    {"service": "vahana.registry.v1.SnapshotService", "method": "ExportEntities"},
    {"service": "vahana.experiment.v1.ProcessService", "method": "GetPlan"},
    {"service": "vahana.experiment.v1.ProcessService", "method": "ReadFile"},
]
"""What answers with a stream. Where gRPC is to repeat such a call, the death of the peer can leave it hanging for ever,
past its deadline (grpc/grpc#41036): all who make one call again by themselves.
"""


def server_options(max_message_bytes: int, max_streams: int) -> Options:
    """Limits of a server. Connections end after a while so that clients spread over new replicas.

    `max_streams`: how many calls one connection carries. A client keeps back what is above that, without a word, so it
    is more than the server takes: calls too many are to be refused.
    """
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        # Two processes on one port would each get half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", max_streams),
        ("grpc.max_connection_age_ms", 30 * _MINUTE_MS),
        ("grpc.max_connection_age_grace_ms", 60 * _MINUTE_MS),
        ("grpc.keepalive_time_ms", _MINUTE_MS),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def channel_options(
    max_message_bytes: int, *, retries: bool = True, health_checked: bool = True, own_connection: bool = False
) -> Options:
    """Limits and policy of a channel. A peer that comes back is found again within two seconds.

    `retries`: repeat what came back UNAVAILABLE, streams aside. `health_checked`: call only those that say SERVING.
    `own_connection`: share none with the process's other channels to the same place.
    """
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if health_checked:
        config["healthCheckConfig"] = {"serviceName": ""}
    if retries:
        config["methodConfig"] = [{"name": [{}], "retryPolicy": _RETRY_POLICY}, {"name": _NOT_REPEATED}]
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.service_config", json.dumps(config)),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", int(retries)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1000),
        ("grpc.max_reconnect_backoff_ms", 2000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", int(own_connection)),
    ]


def listen(server: Any, address: str, tls: Tls = PLAIN) -> int:
    """Bind `server` to `address`; returns the port. OSError when it cannot be had."""
    credentials = tls.server()
    try:
        _try_to_bind(address)
        if credentials is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, credentials))
    except (OSError, RuntimeError) as error:
        raise OSError(f"cannot listen on {address}: {error}") from error


def _try_to_bind(address: str) -> None:
    """Raise OSError with the system's own reason, which gRPC keeps to itself."""
    host, _, port = address.rpartition(":")
    if host.startswith("unix"):
        return
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)


def connect(address: str, options: Options, tls: Tls = PLAIN) -> grpc.Channel:
    """A blocking channel to `address`."""
    credentials = tls.channel()
    if credentials is None:
        return grpc.insecure_channel(target(address), options=options)
    return grpc.secure_channel(target(address), credentials, options=options)


def connect_aio(address: str, options: Options, tls: Tls = PLAIN) -> grpc.aio.Channel:
    """An asyncio channel to `address`."""
    credentials = tls.channel()
    if credentials is None:
        return grpc.aio.insecure_channel(target(address), options=options)
    return grpc.aio.secure_channel(target(address), credentials, options=options)


def target(address: str) -> str:
    """`host:port` is asked of DNS, so that all its addresses are used; a target with a scheme stays as it is."""
    has_scheme = "://" in address or address.startswith(("unix:", "ipv4:", "ipv6:", "dns:"))
    return address if has_scheme else f"dns:///{address}"


def address_of(peer: str) -> str:
    """Of a peer as gRPC names it, the address without the port, which is another each time."""
    return peer.rpartition(":")[0] if peer.startswith(("ipv4:", "ipv6:")) else peer
