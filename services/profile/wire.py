"""Between profile's protos and its domain."""

from services.chassis.clock import to_timestamp
from services.profile.domain.credentials import Credential
from services.profile.domain.tenants import Tenant
from services.profile.domain.users import User
from vahana.profile.v1 import credential_pb2, tenant_pb2, user_pb2


def tenant_from_request(sent: tenant_pb2.CreateTenantRequest) -> Tenant:
    """A tenant as a caller describes it."""
    return Tenant(sent.name, sent.display_name)


def tenant_to_message(stored: Tenant) -> tenant_pb2.Tenant:
    """A stored tenant as callers see it."""
    return tenant_pb2.Tenant(
        name=stored.name, display_name=stored.display_name, create_time=to_timestamp(stored.create_time_us)
    )


def user_from_request(sent: user_pb2.CreateUserRequest) -> User:
    """A user as a caller describes it."""
    return User(sent.name, sent.display_name, sent.email)


def user_to_message(stored: User) -> user_pb2.User:
    """A stored user as callers see it."""
    return user_pb2.User(
        name=stored.name,
        display_name=stored.display_name,
        email=stored.email,
        create_time=to_timestamp(stored.create_time_us),
    )


def credential_to_message(stored: Credential) -> credential_pb2.Credential:
    """The public half of a stored credential."""
    return credential_pb2.Credential(
        credential_id=stored.credential_id,
        name=stored.name,
        public_key=stored.public_key,
        fingerprint=stored.fingerprint,
        owner=stored.owner,
        create_time=to_timestamp(stored.create_time_us),
        last_use_time=None if stored.last_use_time_us is None else to_timestamp(stored.last_use_time_us),
    )
