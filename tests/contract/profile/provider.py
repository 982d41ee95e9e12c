"""An OpenID Connect provider of the tests' own, on loopback."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "vahana"


class Provider:
    """Signs tokens, and answers what it is told to where its keys are asked for."""

    def __init__(self) -> None:
        self.keys = {"k1": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.issuer = "https://id.example.org"
        self.uri = ""
        self.asked = 0
        self.answer: Any = None
        """Called with the request's handler in place of the answer with the keys."""

    def jwks(self) -> str:
        """Its public keys."""
        return json.dumps({"keys": [public_jwk(key, key_id) for key_id, key in self.keys.items()]})

    def token(self, sub: str = "248289", *, key: Any = None, kid: str = "k1", alg: str = "RS256", **claims: Any) -> str:
        """A token; None in place of a claim takes it away."""
        return jwt.encode(self.claims(sub, **claims), key or self.keys[kid], algorithm=alg, headers={"kid": kid})

    def claims(self, sub: str = "248289", **claims: Any) -> dict[str, Any]:
        """What a good token says, with some of it replaced."""
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": sub,
            "iat": now - 5,
            "exp": now + 600,
            "preferred_username": "grace",
            **claims,
        }
        return {name: value for name, value in said.items() if value is not None}


def public_jwk(key: Any, key_id: str) -> dict[str, Any]:
    """The public half of an RSA key."""
    entry = jwt.get_algorithm_by_name("RS256").to_jwk(key.public_key(), as_dict=True)
    return {"kty": entry["kty"], "n": entry["n"], "e": entry["e"], "kid": key_id, "use": "sig"}


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever has signed it."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@contextlib.contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    """A provider that serves its keys at `uri`."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            if provider.answer is not None:
                provider.answer(self)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(provider.jwks().encode())

        def log_message(self, *_: Any) -> None:
            """Nothing to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    provider.uri = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/keys?v=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
