"""A stand-in for profile where a test has none: exchanges the tokens of IDENTITIES, and tells the tests' key."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from services.chassis.errors import TokenInvalid
from services.chassis.rpc.errors import code_of, to_trailer
from tests.contract.tokens import KEY, KEY_ID, minted
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc


class Exchange(identity_pb2_grpc.IdentityServiceServicer):
    """Takes `token-{who}` for each of the identities given: name: (subject, tenant, roles)."""

    def __init__(self, identities: dict[str, tuple[str, str, list[str]]]) -> None:
        self._known = {f"Bearer token-{who}": identity for who, identity in identities.items()}
        self.asked: list[str] = []
        self.wait = threading.Event()
        self.wait.set()

    def ExchangeToken(self, request: Any, context: Any) -> identity_pb2.ExchangeTokenResponse:
        shown = dict(context.invocation_metadata()).get("authorization", "")
        self.asked.append(shown)
        self.wait.wait(30)
        if shown not in self._known:
            refusal = TokenInvalid()
            context.set_trailing_metadata((to_trailer(refusal),))
            context.abort(code_of(refusal), refusal.message)
        subject, tenant, roles = self._known[shown]
        answer = identity_pb2.ExchangeTokenResponse(access_token=minted(subject, tenant, roles))
        answer.expire_time.seconds = int(time.time()) + 300
        answer.caller.MergeFrom(identity_pb2.Caller(subject=subject, tenant=tenant, roles=roles, scopes=["*"]))
        return answer

    def ListSigningKeys(self, request: Any, context: Any) -> identity_pb2.ListSigningKeysResponse:
        self.asked.append("keys")
        key = identity_pb2.SigningKey(key_id=KEY_ID, algorithm="EdDSA", public_key=KEY.public_key().public_bytes_raw())
        return identity_pb2.ListSigningKeysResponse(keys=[key])


def serve(exchange: Exchange, address: str = "127.0.0.1:0") -> tuple[grpc.Server, str]:
    """Returns the server and its address, which it chooses where none is given."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(exchange, server)
    port = server.add_insecure_port(address)
    server.start()
    return server, f"127.0.0.1:{port}"
