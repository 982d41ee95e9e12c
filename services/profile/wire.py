"""Between profile's protos and its domain."""

from collections.abc import Iterable
from dataclasses import replace

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.clock import to_timestamp
from services.chassis.rpc.auth import Identity
from services.profile.domain.credentials import Action, Credential, Use
from services.profile.domain.groups import Group, Member, MemberKind
from services.profile.domain.identity_providers import IdentityProvider
from services.profile.domain.signing_keys import SigningKey
from services.profile.domain.tenants import Tenant
from services.profile.domain.tokens import ApiToken
from services.profile.domain.users import User
from vahana.profile.v1 import (
    credential_pb2,
    group_pb2,
    identity_pb2,
    identity_provider_pb2,
    tenant_pb2,
    token_pb2,
    user_pb2,
)

_ROLE, _ACTION = "ROLE_", "CREDENTIAL_ACTION_"


def tenant_from_request(sent: tenant_pb2.CreateTenantRequest) -> Tenant:
    """A tenant as a caller describes it."""
    return Tenant(sent.name, sent.display_name)


def tenant_to_message(stored: Tenant) -> tenant_pb2.Tenant:
    """A stored tenant as callers see it."""
    return tenant_pb2.Tenant(
        name=stored.name,
        display_name=stored.display_name,
        create_time=to_timestamp(stored.create_time_us),
        disabled=stored.disabled,
        revision=stored.revision,
    )


def tenant_to_update(stored: Tenant) -> tenant_pb2.UpdateTenantRequest:
    """The request that would leave a stored tenant as it is."""
    return tenant_pb2.UpdateTenantRequest(display_name=stored.display_name, disabled=stored.disabled)


def tenant_from_update(stored: Tenant, sent: tenant_pb2.UpdateTenantRequest) -> Tenant:
    """A stored tenant as a whole update would have it."""
    return replace(stored, display_name=sent.display_name, disabled=sent.disabled, revision=stored.revision + 1)


def user_from_request(sent: user_pb2.CreateUserRequest) -> User:
    """A user as a caller describes it."""
    return User(sent.name, sent.display_name, sent.email, roles=_roles_from(sent.roles))


def user_to_message(stored: User) -> user_pb2.User:
    """A stored user as callers see it."""
    return user_pb2.User(
        name=stored.name,
        display_name=stored.display_name,
        email=stored.email,
        create_time=to_timestamp(stored.create_time_us),
        roles=_roles_to(stored.roles),
        disabled=stored.disabled,
        revision=stored.revision,
    )


def user_to_update(stored: User) -> user_pb2.UpdateUserRequest:
    """The request that would leave a stored user as it is."""
    return user_pb2.UpdateUserRequest(
        display_name=stored.display_name, email=stored.email, roles=_roles_to(stored.roles), disabled=stored.disabled
    )


def user_from_update(stored: User, sent: user_pb2.UpdateUserRequest) -> User:
    """A stored user as a whole update would have it."""
    return replace(
        stored,
        display_name=sent.display_name,
        email=sent.email,
        roles=_roles_from(sent.roles),
        disabled=sent.disabled,
        revision=stored.revision + 1,
    )


def _roles_from(sent: Iterable[identity_pb2.Role.ValueType]) -> frozenset[str]:
    """Roles as they are stored, and as callers have them."""
    return frozenset(identity_pb2.Role.Name(role).removeprefix(_ROLE).lower() for role in sent)


def _roles_to(stored: frozenset[str]) -> list[identity_pb2.Role.ValueType]:
    return sorted(identity_pb2.Role.Value(_ROLE + role.upper()) for role in stored)


def group_to_message(stored: Group) -> group_pb2.Group:
    """A stored group as callers see it."""
    return group_pb2.Group(
        name=stored.name,
        display_name=stored.display_name,
        owner=stored.owner,
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )


def group_to_update(stored: Group) -> group_pb2.UpdateGroupRequest:
    """The request that would leave a stored group as it is."""
    return group_pb2.UpdateGroupRequest(display_name=stored.display_name, owner=stored.owner)


def group_from_update(stored: Group, sent: group_pb2.UpdateGroupRequest) -> Group:
    """A stored group as a whole update would have it."""
    return replace(stored, display_name=sent.display_name, owner=sent.owner, revision=stored.revision + 1)


def member_from_request(sent: group_pb2.AddGroupMemberRequest | group_pb2.RemoveGroupMemberRequest) -> Member:
    """A membership as a caller names it."""
    if sent.WhichOneof("member") == "user":
        return Member(sent.group, MemberKind.USER, sent.user)
    return Member(sent.group, MemberKind.GROUP, sent.member_group)


def member_to_message(stored: Member) -> group_pb2.GroupMember:
    """A stored membership as callers see it."""
    message = group_pb2.GroupMember(group=stored.group, create_time=to_timestamp(stored.create_time_us))
    if stored.kind is MemberKind.USER:
        message.user = stored.name
    else:
        message.member_group = stored.name
    return message


def token_to_message(stored: ApiToken) -> token_pb2.ApiToken:
    """What callers see of a stored API token."""
    return token_pb2.ApiToken(
        token_id=stored.token_id,
        name=stored.name,
        user=stored.user,
        scopes=sorted(stored.scopes),
        create_time=to_timestamp(stored.create_time_us),
        expire_time=to_timestamp(stored.expire_time_us),
        revoke_time=_timestamp(stored.revoke_time_us),
        last_use_time=_timestamp(stored.last_use_time_us),
    )


def lifetime_us(sent: token_pb2.CreateApiTokenRequest) -> int | None:
    """How long a token is asked to be good for; what is finer than a microsecond is cut off."""
    return sent.lifetime.seconds * 1_000_000 + sent.lifetime.nanos // 1_000 if sent.HasField("lifetime") else None


def credential_to_message(stored: Credential) -> credential_pb2.Credential:
    """The public half of a stored credential."""
    return credential_pb2.Credential(
        credential_id=stored.credential_id,
        name=stored.name,
        public_key=stored.public_key,
        fingerprint=stored.fingerprint,
        owner=stored.owner,
        create_time=to_timestamp(stored.create_time_us),
        last_use_time=_timestamp(stored.last_use_time_us),
    )


def use_to_message(stored: Use) -> credential_pb2.CredentialUse:
    """A line of the audit."""
    return credential_pb2.CredentialUse(
        credential_id=stored.credential_id,
        action=_action(stored.action),
        caller=stored.caller,
        process_id=stored.process_id,
        host=stored.host,
        login=stored.login,
        time=to_timestamp(stored.time_us),
    )


def identity_provider_from_message(sent: identity_provider_pb2.IdentityProvider) -> IdentityProvider:
    """A provider as a caller describes it."""
    return IdentityProvider(
        name=sent.name,
        issuer=sent.issuer,
        audience=sent.audience,
        jwks_uri=sent.jwks_uri,
        jwks=sent.jwks,
        algorithms=tuple(sent.algorithms),
        user_claim=sent.user_claim,
        provision_users=sent.provision_users,
        disabled=sent.disabled,
    )


def identity_provider_to_message(stored: IdentityProvider) -> identity_provider_pb2.IdentityProvider:
    """A stored provider as its administrators see it."""
    return identity_provider_pb2.IdentityProvider(
        name=stored.name,
        issuer=stored.issuer,
        audience=stored.audience,
        jwks_uri=stored.jwks_uri,
        jwks=stored.jwks,
        algorithms=stored.algorithms,
        user_claim=stored.user_claim,
        provision_users=stored.provision_users,
        disabled=stored.disabled,
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
        by_operator=stored.by_operator,
    )


def caller_to_message(identity: Identity) -> identity_pb2.Caller:
    """Who a caller is."""
    return identity_pb2.Caller(
        subject=identity.subject,
        tenant=identity.tenant,
        roles=sorted(identity.roles),
        scopes=sorted(identity.scopes),
        token_id=identity.token_id,
    )


def exchanged_to_message(identity: Identity, token: str, expire_time_us: int) -> identity_pb2.ExchangeTokenResponse:
    """An access token and whom it stands for."""
    return identity_pb2.ExchangeTokenResponse(
        access_token=token, expire_time=to_timestamp(expire_time_us), caller=caller_to_message(identity)
    )


def signing_key_to_message(stored: SigningKey, expire_time_us: int | None) -> identity_pb2.SigningKey:
    """The public half of a signing key."""
    return identity_pb2.SigningKey(
        key_id=stored.key_id,
        algorithm="EdDSA",
        public_key=stored.public_key,
        expire_time=_timestamp(expire_time_us),
    )


def _action(stored: Action) -> credential_pb2.CredentialAction.ValueType:
    return credential_pb2.CredentialAction.Value(_ACTION + stored)


def _timestamp(stored: int | None) -> Timestamp | None:
    return None if stored is None else to_timestamp(stored)
