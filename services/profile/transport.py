"""gRPC in: each call goes to its use case and the answer back."""

from services.profile.handlers.credentials import Credentials
from services.profile.handlers.signing import Signing
from services.profile.handlers.tenants import Tenants
from services.profile.handlers.users import Users
from vahana.profile.v1 import (
    credential_pb2,
    credential_pb2_grpc,
    tenant_pb2,
    tenant_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)


class TenantService(tenant_pb2_grpc.TenantServiceServicer):
    """Serves vahana.profile.v1.TenantService."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    def CreateTenant(self, request: tenant_pb2.CreateTenantRequest, context: object) -> tenant_pb2.CreateTenantResponse:
        return self._tenants.create(request)

    def GetTenant(self, request: tenant_pb2.GetTenantRequest, context: object) -> tenant_pb2.GetTenantResponse:
        return self._tenants.get(request)

    def ListTenants(self, request: tenant_pb2.ListTenantsRequest, context: object) -> tenant_pb2.ListTenantsResponse:
        return self._tenants.list(request)


class UserService(user_pb2_grpc.UserServiceServicer):
    """Serves vahana.profile.v1.UserService."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def CreateUser(self, request: user_pb2.CreateUserRequest, context: object) -> user_pb2.CreateUserResponse:
        return self._users.create(request)

    def GetUser(self, request: user_pb2.GetUserRequest, context: object) -> user_pb2.GetUserResponse:
        return self._users.get(request)

    def ListUsers(self, request: user_pb2.ListUsersRequest, context: object) -> user_pb2.ListUsersResponse:
        return self._users.list(request)


class CredentialService(credential_pb2_grpc.CredentialServiceServicer):
    """Serves vahana.profile.v1.CredentialService."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def CreateCredential(
        self, request: credential_pb2.CreateCredentialRequest, context: object
    ) -> credential_pb2.CreateCredentialResponse:
        return self._credentials.create(request)

    def GetCredential(
        self, request: credential_pb2.GetCredentialRequest, context: object
    ) -> credential_pb2.GetCredentialResponse:
        return self._credentials.get(request)

    def ListCredentials(
        self, request: credential_pb2.ListCredentialsRequest, context: object
    ) -> credential_pb2.ListCredentialsResponse:
        return self._credentials.list(request)


class SigningService(credential_pb2_grpc.SigningServiceServicer):
    """Serves vahana.profile.v1.SigningService."""

    def __init__(self, signing: Signing) -> None:
        self._signing = signing

    def SignSshChallenge(
        self, request: credential_pb2.SignSshChallengeRequest, context: object
    ) -> credential_pb2.SignSshChallengeResponse:
        return self._signing.sign_ssh_challenge(request)

    def GetPublicKey(
        self, request: credential_pb2.GetPublicKeyRequest, context: object
    ) -> credential_pb2.GetPublicKeyResponse:
        return self._signing.get_public_key(request)
