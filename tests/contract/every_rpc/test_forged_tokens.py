"""No RPC of any service takes a token that is missing, forged, altered or past its end."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from tests.contract.every_rpc.messages import Messages
from tests.contract.every_rpc.rpcs import SERVICES, Caller, rpcs

STRANGER = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def forgeries(good: str, key: Any) -> dict[str, str]:
    """Tokens that must not pass, made from one that does and, where it must be signed well, its key."""
    header, payload, signature = good.split(".")
    claims, head = _decoded(payload), _decoded(header)
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    now = int(time.time())

    def signed(changes: dict[str, Any], **headers: Any) -> str:
        changed = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(changed, key, algorithm="EdDSA", headers={"kid": head["kid"]} | headers)

    return {
        "missing": "",
        "a word": "secret",
        "three dots": "...",
        "not base64": "!.!.!",
        "without a signature": f"{header}.{payload}.",
        "two parts": f"{header}.{payload}",
        "four parts": f"{good}.{signature}",
        "another payload": f"{header}.{_encoded(claims | {'sub': 'root'})}.{signature}",
        "another header": f"{_encoded(head | {'x': 1})}.{payload}.{signature}",
        "a bit of the signature": f"{header}.{payload}.{_flipped(signature)}",
        "truncated": good[:-20],
        "alg none": f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "alg None by kid": f"{_encoded({'alg': 'None', 'kid': head['kid']})}.{payload}.",
        "HS256 with the public key": jwt.encode(claims, public, algorithm="HS256", headers={"kid": head["kid"]}),
        "RS256": jwt.encode(claims, RSA, algorithm="RS256", headers={"kid": head["kid"]}),
        "a stranger's key": jwt.encode(claims, STRANGER, algorithm="EdDSA", headers={"kid": head["kid"]}),
        "a stranger's kid": signed({}, kid="stranger"),
        "expired": signed({"iat": now - 900, "exp": now - 600}),
        "without an end": signed({"exp": None}),
        "of a later time": signed({"iat": now + 600, "nbf": now + 600, "exp": now + 900}),
        "another issuer": signed({"iss": "https://issuer.example.org"}),
        "another audience": signed({"aud": "elsewhere"}),
        "without an audience": signed({"aud": None}),
        "without a subject": signed({"sub": None}),
    }


@pytest.mark.parametrize("owner", SERVICES)
def test_no_rpc_takes_a_forged_token(mesh, minted: Callable[[str], str], signing_key: Any, owner):
    messages = Messages(seed=7)
    tokens = forgeries(minted("admin"), signing_key)
    assert len(tokens) >= 20
    passed = []
    with grpc.insecure_channel(mesh[owner].address) as channel:
        for rpc in rpcs(owner):
            for what, token in tokens.items():
                forger = Caller(grpc.intercept_channel(channel, _Bearer(token)))
                outcome = forger.call(rpc, [messages.make(rpc.request)])
                if outcome.code is not grpc.StatusCode.UNAUTHENTICATED or outcome.responses:
                    passed.append(f"{rpc.path} with {what}: {outcome.code} {outcome.details}")
    assert not passed, f"{len(passed)} passed: " + "\n".join(passed[:10])


class _Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Shows one token with every call."""

    def __init__(self, token: str) -> None:
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def intercept_unary_unary(self, proceed, details, request):
        return proceed(details._replace(metadata=self._metadata), request)

    intercept_unary_stream = intercept_unary_unary
    intercept_stream_unary = intercept_unary_unary


def _decoded(part: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


def _encoded(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _flipped(signature: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    raw[0] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
