"""profile alone."""

import pytest

from services.profile.__main__ import wire
from vahana.profile.v1 import credential_pb2, credential_pb2_grpc, tenant_pb2, tenant_pb2_grpc, user_pb2_grpc


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
