"""gRPC in: each call goes to its use case and the answer back."""

from collections.abc import Iterator

from services.chassis.rpc.exports import ExportedEntities
from services.profile.handlers.credentials import Credentials
from services.profile.handlers.groups import Groups
from services.profile.handlers.identity import Identities
from services.profile.handlers.identity_providers import IdentityProviders
from services.profile.handlers.members import Members
from services.profile.handlers.signing import Signing
from services.profile.handlers.tenants import Tenants
from services.profile.handlers.tokens import ApiTokens
from services.profile.handlers.users import Users
from vahana.profile.v1 import (
    credential_pb2,
    credential_pb2_grpc,
    group_pb2,
    group_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    identity_provider_pb2,
    identity_provider_pb2_grpc,
    snapshot_pb2,
    snapshot_pb2_grpc,
    tenant_pb2,
    tenant_pb2_grpc,
    token_pb2,
    token_pb2_grpc,
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

    def UpdateTenant(self, request: tenant_pb2.UpdateTenantRequest, context: object) -> tenant_pb2.UpdateTenantResponse:
        return self._tenants.update(request)


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

    def UpdateUser(self, request: user_pb2.UpdateUserRequest, context: object) -> user_pb2.UpdateUserResponse:
        return self._users.update(request)


class GroupService(group_pb2_grpc.GroupServiceServicer):
    """Serves vahana.profile.v1.GroupService."""

    def __init__(self, groups: Groups, members: Members) -> None:
        self._groups = groups
        self._members = members

    def CreateGroup(self, request: group_pb2.CreateGroupRequest, context: object) -> group_pb2.CreateGroupResponse:
        return self._groups.create(request)

    def GetGroup(self, request: group_pb2.GetGroupRequest, context: object) -> group_pb2.GetGroupResponse:
        return self._groups.get(request)

    def ListGroups(self, request: group_pb2.ListGroupsRequest, context: object) -> group_pb2.ListGroupsResponse:
        return self._groups.list(request)

    def UpdateGroup(self, request: group_pb2.UpdateGroupRequest, context: object) -> group_pb2.UpdateGroupResponse:
        return self._groups.update(request)

    def DeleteGroup(self, request: group_pb2.DeleteGroupRequest, context: object) -> group_pb2.DeleteGroupResponse:
        return self._groups.delete(request)

    def AddGroupMember(
        self, request: group_pb2.AddGroupMemberRequest, context: object
    ) -> group_pb2.AddGroupMemberResponse:
        return self._members.add(request)

    def RemoveGroupMember(
        self, request: group_pb2.RemoveGroupMemberRequest, context: object
    ) -> group_pb2.RemoveGroupMemberResponse:
        return self._members.remove(request)

    def ListGroupMembers(
        self, request: group_pb2.ListGroupMembersRequest, context: object
    ) -> group_pb2.ListGroupMembersResponse:
        return self._members.list(request)


class ApiTokenService(token_pb2_grpc.ApiTokenServiceServicer):
    """Serves vahana.profile.v1.ApiTokenService."""

    def __init__(self, tokens: ApiTokens) -> None:
        self._tokens = tokens

    def CreateApiToken(
        self, request: token_pb2.CreateApiTokenRequest, context: object
    ) -> token_pb2.CreateApiTokenResponse:
        return self._tokens.create(request)

    def GetApiToken(self, request: token_pb2.GetApiTokenRequest, context: object) -> token_pb2.GetApiTokenResponse:
        return self._tokens.get(request)

    def ListApiTokens(
        self, request: token_pb2.ListApiTokensRequest, context: object
    ) -> token_pb2.ListApiTokensResponse:
        return self._tokens.list(request)

    def RevokeApiToken(
        self, request: token_pb2.RevokeApiTokenRequest, context: object
    ) -> token_pb2.RevokeApiTokenResponse:
        return self._tokens.revoke(request)


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

    def DeleteCredential(
        self, request: credential_pb2.DeleteCredentialRequest, context: object
    ) -> credential_pb2.DeleteCredentialResponse:
        return self._credentials.delete(request)

    def ListCredentialUses(
        self, request: credential_pb2.ListCredentialUsesRequest, context: object
    ) -> credential_pb2.ListCredentialUsesResponse:
        return self._credentials.list_uses(request)


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


class SnapshotService(snapshot_pb2_grpc.SnapshotServiceServicer):
    """Serves vahana.profile.v1.SnapshotService."""

    def __init__(
        self,
        snapshots: ExportedEntities[snapshot_pb2.ExportEntitiesResponse, snapshot_pb2.FindEntitiesResponse],
    ) -> None:
        self._snapshots = snapshots

    def ExportEntities(
        self, request: snapshot_pb2.ExportEntitiesRequest, context: object
    ) -> Iterator[snapshot_pb2.ExportEntitiesResponse]:
        return self._snapshots.export(request)

    def FindEntities(
        self, request: snapshot_pb2.FindEntitiesRequest, context: object
    ) -> snapshot_pb2.FindEntitiesResponse:
        return self._snapshots.find(request)


class IdentityService(identity_pb2_grpc.IdentityServiceServicer):
    """Serves vahana.profile.v1.IdentityService."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def ExchangeToken(
        self, request: identity_pb2.ExchangeTokenRequest, context: object
    ) -> identity_pb2.ExchangeTokenResponse:
        return self._identities.exchange(request)

    def GetCaller(self, request: identity_pb2.GetCallerRequest, context: object) -> identity_pb2.GetCallerResponse:
        return self._identities.get_caller(request)

    def ListSigningKeys(
        self, request: identity_pb2.ListSigningKeysRequest, context: object
    ) -> identity_pb2.ListSigningKeysResponse:
        return self._identities.list_signing_keys(request)


class IdentityProviderService(identity_provider_pb2_grpc.IdentityProviderServiceServicer):
    """Serves vahana.profile.v1.IdentityProviderService."""

    def __init__(self, providers: IdentityProviders) -> None:
        self._providers = providers

    def CreateIdentityProvider(
        self, request: identity_provider_pb2.CreateIdentityProviderRequest, context: object
    ) -> identity_provider_pb2.CreateIdentityProviderResponse:
        return self._providers.create(request)

    def GetIdentityProvider(
        self, request: identity_provider_pb2.GetIdentityProviderRequest, context: object
    ) -> identity_provider_pb2.GetIdentityProviderResponse:
        return self._providers.get(request)

    def ListIdentityProviders(
        self, request: identity_provider_pb2.ListIdentityProvidersRequest, context: object
    ) -> identity_provider_pb2.ListIdentityProvidersResponse:
        return self._providers.list(request)

    def UpdateIdentityProvider(
        self, request: identity_provider_pb2.UpdateIdentityProviderRequest, context: object
    ) -> identity_provider_pb2.UpdateIdentityProviderResponse:
        return self._providers.update(request)

    def DeleteIdentityProvider(
        self, request: identity_provider_pb2.DeleteIdentityProviderRequest, context: object
    ) -> identity_provider_pb2.DeleteIdentityProviderResponse:
        return self._providers.delete(request)
