"""Callers who show tokens of their own, and a provider that signs some."""

import grpc
import pytest

from services.profile.__main__ import wire
from services.profile.oidc import key_cache
from tests.contract.profile.provider import AUDIENCE, running
from vahana.profile.v1 import (
    identity_pb2,
    identity_pb2_grpc,
    identity_provider_pb2,
    identity_provider_pb2_grpc,
    token_pb2,
    token_pb2_grpc,
    user_pb2,
)


class Shown:
    """IdentityService as somebody sees it who shows a token."""

    def __init__(self, channel, token):
        self._stub = identity_pb2_grpc.IdentityServiceStub(channel)
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def exchange(self, *scopes):
        return self._stub.ExchangeToken(identity_pb2.ExchangeTokenRequest(scopes=scopes), metadata=self._metadata)

    def caller(self):
        return self._stub.GetCaller(identity_pb2.GetCallerRequest(), metadata=self._metadata).caller

    def keys(self):
        return self._stub.ListSigningKeys(identity_pb2.ListSigningKeysRequest(), metadata=self._metadata).keys


@pytest.fixture
def profile(serve):
    # The provider of these tests is on loopback.
    return serve(wire, private_identity_providers="true")


@pytest.fixture
def show(profile):
    """`show(token)`: IdentityService for who shows it."""
    with grpc.insecure_channel(profile.address) as channel:
        yield lambda token="": Shown(channel, token)


@pytest.fixture
def providers(profile):
    return lambda who="admin": profile.stub(identity_provider_pb2_grpc.IdentityProviderServiceStub, who)


@pytest.fixture
def provider(monkeypatch):
    # Keys that nobody knows are asked for again without a pause.
    monkeypatch.setattr(key_cache, "PAUSE_S", 0)
    with running() as provider:
        yield provider


@pytest.fixture
def trust(providers, provider):
    """`trust(...)` registers the provider; what is given replaces what it has."""

    def create(who="admin", request_id="", **fields):
        said = {
            "name": "campus",
            "issuer": provider.issuer,
            "audience": AUDIENCE,
            "jwks_uri": "" if fields.get("jwks") else provider.uri,
            "provision_users": True,
            **fields,
        }
        request = identity_provider_pb2.CreateIdentityProviderRequest(identity_provider=said, request_id=request_id)
        return providers(who).CreateIdentityProvider(request).identity_provider

    return create


@pytest.fixture
def ada(users):
    return users("admin").CreateUser(user_pb2.CreateUserRequest(name="ada")).user


@pytest.fixture
def api_token(profile, ada):
    """`api_token(...)`: the answer that holds a token of ada's."""

    def create(who="user", **fields):
        stub = profile.stub(token_pb2_grpc.ApiTokenServiceStub, who)
        return stub.CreateApiToken(token_pb2.CreateApiTokenRequest(**{"name": "laptop", **fields}))

    return create


@pytest.fixture
def change(users):
    """`change(name, ...)` updates a user of the tenant default."""

    def update(name, **fields):
        request = user_pb2.UpdateUserRequest(name=name, update_mask={"paths": list(fields)}, **fields)
        return users("admin").UpdateUser(request).user

    return update
