"""What it costs to tell who calls: the same call to one server, with a token that is checked and without any."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import jwt
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.figures import Figure, Goal, median
from services.chassis.rpc.access_tokens import AUDIENCE, ISSUER, LONGEST_SECONDS, AccessTokenVerifier
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.keys import Keys
from services.chassis.rpc.server import RpcServer
from services.chassis.settings import Settings
from vahana.experiment.v1 import experiment_pb2, experiment_pb2_grpc

CALLS = 1500
_WARM_UP = 100
_REQUEST = experiment_pb2.GetExperimentRequest(experiment_id="exp-1")


def added(directory: Path) -> Iterator[Figure]:
    """Calls in turns, so that all meet the same noise: with the same token each time, with a new one, with none."""
    key = Ed25519PrivateKey.generate()
    file = directory / "jwks.json"
    file.write_text(json.dumps({"keys": [_public(key)]}))
    with _server(AccessTokenVerifier(Keys(file))) as address, grpc.insecure_channel(address) as channel:
        call = experiment_pb2_grpc.ExperimentServiceStub(channel).GetExperiment

        def one(token: str) -> float:
            metadata = (("authorization", f"Bearer {token}"),) if token else ()
            began = time.perf_counter()
            call(_REQUEST, metadata=metadata)
            return (time.perf_counter() - began) * 1000

        token = _token(key)
        rounds = [(one(token), one(_token(key)), one("")) for _ in range(_WARM_UP + CALLS)][_WARM_UP:]
    again, first, none = (median(list(taken)) for taken in zip(*rounds, strict=True))
    yield Figure("authentication_added_p50_ms", again - none, "ms", Goal(0.3))
    yield Figure("authentication_added_first_p50_ms", first - none, "ms")


class _Experiments(experiment_pb2_grpc.ExperimentServiceServicer):
    def GetExperiment(self, request: Any, context: Any) -> experiment_pb2.GetExperimentResponse:
        return experiment_pb2.GetExperimentResponse(experiment=experiment_pb2.Experiment(experiment_id="exp-1"))


class _Either:
    """Whoever shows no token is let in unchecked, as by a server without authentication."""

    def __init__(self, verifier: AccessTokenVerifier) -> None:
        self._verifier = verifier
        self._nobody = Identity("nobody", "default", frozenset())

    def verify(self, token: str) -> Identity:
        return self._verifier.verify(token) if token else self._nobody


@contextmanager
def _server(verifier: AccessTokenVerifier) -> Iterator[str]:
    """A server as services have it, on a thread; yields its address."""
    server = RpcServer(Settings(service="bench", listen="127.0.0.1:0"), _Either(verifier))
    register = experiment_pb2_grpc.add_ExperimentServiceServicer_to_server
    experiments = _Experiments()  # type: ignore[abstract] # nobody calls its other methods
    server.add(register, experiments, "vahana.experiment.v1.ExperimentService")
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(0), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _token(key: Ed25519PrivateKey) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "tenant": "default",
        "roles": [],
        "scopes": ["*"],
        "tok": "",
        "iat": now,
        "exp": now + LONGEST_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "bench"})


def _public(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "kid": "bench", "alg": "EdDSA", "use": "sig", "x": raw}
