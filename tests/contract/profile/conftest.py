"""profile alone."""

import pytest

from services.profile.__main__ import wire
from tests.contract.tokens import minted
from vahana.profile.v1 import (
    credential_pb2,
    credential_pb2_grpc,
    group_pb2,
    group_pb2_grpc,
    tenant_pb2,
    tenant_pb2_grpc,
    token_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)


@pytest.fixture
def profile(serve):
    return serve(wire)


@pytest.fixture
def tenants(profile):
    return lambda who, tenant="": profile.stub(tenant_pb2_grpc.TenantServiceStub, who, tenant)


@pytest.fixture
def users(profile):
    return lambda who, tenant="": profile.stub(user_pb2_grpc.UserServiceStub, who, tenant)


@pytest.fixture
def credentials(profile):
    return lambda who, tenant="": profile.stub(credential_pb2_grpc.CredentialServiceStub, who, tenant)


@pytest.fixture
def signing(profile):
    return lambda who, tenant="": profile.stub(credential_pb2_grpc.SigningServiceStub, who, tenant)


@pytest.fixture
def groups(profile):
    return lambda who, tenant="": profile.stub(group_pb2_grpc.GroupServiceStub, who, tenant)


@pytest.fixture
def tokens(profile):
    return lambda who, tenant="": profile.stub(token_pb2_grpc.ApiTokenServiceStub, who, tenant)


class _Calling:
    """A stub whose calls carry a token made for them."""

    def __init__(self, stub, token):
        self._stub, self._metadata = stub, [("authorization", f"Bearer {token}")]

    def __getattr__(self, method):
        return lambda request: getattr(self._stub, method)(request, metadata=self._metadata)


@pytest.fixture
def calling(profile):
    """`calling(kind, subject, tenant, roles)`: a stub for a caller who is none of IDENTITIES."""

    def stub(kind, subject, tenant="default", roles=(), **claims):
        return _Calling(profile.stub(kind), minted(subject, tenant, list(roles), **claims))

    return stub


@pytest.fixture
def user(users):
    """`user(name)`: a stored user of the tenant default."""

    def create(name="ada", who="admin", **rest):
        return users(who).CreateUser(user_pb2.CreateUserRequest(name=name, **rest)).user

    return create


@pytest.fixture
def group(groups):
    """`group(name)`: a stored group of the tenant default, owned by ada."""

    def create(name="staff", who="user", **rest):
        return groups(who).CreateGroup(group_pb2.CreateGroupRequest(name=name, **rest)).group

    return create


@pytest.fixture
def other_tenant(tenants):
    """The tenant of the identity "other"."""
    tenants("admin").CreateTenant(tenant_pb2.CreateTenantRequest(name="other"))


@pytest.fixture
def credential(credentials):
    """`credential(name, private_key)`: a stored credential of the tenant default."""

    def create(name="key", private_key="", who="user", request_id=""):
        request = credential_pb2.CreateCredentialRequest(name=name, private_key=private_key, request_id=request_id)
        return credentials(who).CreateCredential(request).credential

    return create
