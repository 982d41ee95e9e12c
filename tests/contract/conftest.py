"""A service alone, in this process, over real gRPC: its own SQLite file, no bus, no other service."""

import asyncio
import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop
from google.rpc import error_details_pb2, status_pb2

from tests.contract import exchange
from tests.contract.tokens import KEY, minted, publish

# Who there is: name: (subject, tenant, roles). `token-{name}` is what profile takes for an access token.
IDENTITIES = {
    "admin": ("admin", "default", ["admin", "operator"]),
    "user": ("ada", "default", []),
    "other": ("olga", "other", ["admin"]),
    "executor": ("executor", "", ["service"]),
    "scheduler": ("scheduler", "", ["service"]),
    "eventsink": ("eventsink", "", ["service"]),
    "experiment": ("experiment", "", ["service"]),
    "registry": ("registry", "", ["service"]),
    "profile": ("profile", "", ["service"]),
}


def bearer(who: str) -> tuple[str, str]:
    """The metadata that calls of one of IDENTITIES carry: a fresh access token; for anyone else, nobody's."""
    return "authorization", f"Bearer {minted(*IDENTITIES[who]) if who in IDENTITIES else f'token-{who}'}"


class _Authorized(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor
):
    """Sends a caller's token with every call."""

    def __init__(self, metadata: list[tuple[str, str]]) -> None:
        self._metadata = metadata

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[*(details.metadata or ()), *self._metadata]), request)

    intercept_unary_stream = intercept_unary_unary
    intercept_stream_unary = intercept_unary_unary


@dataclass
class Served:
    """A service that runs: its chassis, and stubs for callers of it."""

    chassis: Any
    address: str
    ending: contextlib.ExitStack

    def stub(self, kind: Callable[[Any], Any], who: str = "", tenant: str = "") -> Any:
        """A stub that calls as one of IDENTITIES, or as nobody; a service may name a tenant."""
        # A service that signs tokens itself, profile, may have published its keys anew.
        publish(self.chassis.settings.jwks_file)
        metadata = [bearer(who)] if who else []
        if tenant:
            metadata.append(("x-vahana-tenant", tenant))
        channel = grpc.insecure_channel(self.address)
        self.ending.callback(channel.close)
        return kind(grpc.intercept_channel(channel, _Authorized(metadata)))

    def stop(self) -> None:
        """End it before the test does."""
        self.ending.close()


@dataclass
class Refused:
    """How a call was refused."""

    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@pytest.fixture(name="minted")
def _minted() -> Callable[[str], str]:
    """`minted(who)`: an access token of one of IDENTITIES."""
    return lambda who: minted(*IDENTITIES[who])


@pytest.fixture
def signing_key() -> Any:
    """The key that `minted` signs with."""
    return KEY


@pytest.fixture(scope="session")
def exchange_address() -> Iterator[str]:
    """Where services exchange their tokens in tests without profile."""
    server, address = exchange.serve(exchange.Exchange(IDENTITIES))
    yield address
    server.stop(0)


@contextlib.contextmanager
def serving(directory: Path, monkeypatch: pytest.MonkeyPatch, exchange_address: str) -> Iterator[Callable[..., Served]]:
    """What `serve` is, with the home under `directory`; services end with the block."""
    with contextlib.ExitStack() as ending:

        def start(wire: Callable[[], Any], **settings: str) -> Served:
            home = directory / "home"
            home.mkdir(exist_ok=True)
            _write_identities(home / "identities.json")
            publish(home / "jwks.json")
            given = {"home": str(home), "listen": "127.0.0.1:0", "profile_address": exchange_address, **settings}
            for name, value in given.items():
                monkeypatch.setenv(f"VAHANA_{name.upper()}", value)
            chassis = wire()
            own = ending.enter_context(contextlib.ExitStack())
            return Served(chassis, own.enter_context(_running(chassis)), own)

        yield start


@pytest.fixture
def serve(tmp_path, monkeypatch, exchange_address):
    """`serve(wire)` starts what a service's `wire()` put together, in a home of its own; ended with the test."""
    with serving(tmp_path, monkeypatch, exchange_address) as start:
        yield start


@pytest.fixture
def refused():
    """`with refused(code, reason) as told:` expects a refusal; `told` then holds its message and violated fields."""

    @contextlib.contextmanager
    def expect(code: grpc.StatusCode, reason: str) -> Iterator[Refused]:
        told = Refused()
        with pytest.raises(grpc.RpcError) as caught:
            yield told
        error: Any = caught.value
        assert (error.code(), _details(error, told)) == (code, reason), error.details()
        told.message = error.details()

    return expect


def _details(error: Any, told: Refused) -> str:
    status, info, bad = status_pb2.Status(), error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status.ParseFromString(value)
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(bad)
    told.fields = {violation.field: violation.description for violation in bad.field_violations}
    return info.reason


def _write_identities(path) -> None:
    entries = [
        {
            "subject": subject,
            "tenant": tenant,
            "roles": roles,
            "token_sha256": hashlib.sha256(f"token-{who}".encode()).hexdigest(),
        }
        for who, (subject, tenant, roles) in IDENTITIES.items()
    ]
    path.write_text(json.dumps({"identities": entries}))
    path.chmod(0o600)
    tokens = path.with_name("tokens")
    tokens.mkdir(exist_ok=True)
    for who, (_, _, roles) in IDENTITIES.items():
        if "service" in roles and not (tokens / who).exists():
            (tokens / who).write_text(f"token-{who}")


@contextlib.contextmanager
def _running(chassis: Any) -> Iterator[str]:
    """The server on a loop of its own; yields its address."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="serve", daemon=True)
    thread.start()

    def wait(coroutine: Any) -> Any:
        outcome: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, loop)
        return outcome.result(timeout=30)

    port = wait(chassis.rpc.start())
    chassis.rpc.set_serving(True)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        wait(chassis.rpc.stop(0))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        chassis._close()
