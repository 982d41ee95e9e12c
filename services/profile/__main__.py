"""Starts profile: `python -m services.profile`."""

import sys
from functools import partial

from services.chassis.changes import PROFILE
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.outbox import Outbox
from services.chassis.requests import Requests
from services.chassis.rpc.exports import ExportedEntities
from services.chassis.run import Chassis, main
from services.profile.handlers.authentication import Authentication
from services.profile.handlers.bootstrap import Bootstrap
from services.profile.handlers.credentials import Credentials
from services.profile.handlers.groups import Groups
from services.profile.handlers.identity import Identities
from services.profile.handlers.identity_providers import IdentityProviders
from services.profile.handlers.logins import Logins
from services.profile.handlers.members import Members
from services.profile.handlers.opening import ensure_first, open_vault
from services.profile.handlers.publishing import Publisher
from services.profile.handlers.signing import Signing
from services.profile.handlers.signing_keys import SigningKeys
from services.profile.handlers.tenants import Tenants
from services.profile.handlers.tokens import ApiTokens
from services.profile.handlers.users import Users
from services.profile.oidc.fetch import fetch
from services.profile.oidc.key_cache import KeyCache
from services.profile.schema import metadata
from services.profile.settings import ProfileSettings
from services.profile.transport import (
    ApiTokenService,
    CredentialService,
    GroupService,
    IdentityProviderService,
    IdentityService,
    SigningService,
    SnapshotService,
    TenantService,
    UserService,
)
from services.profile.vault.master import MasterKey
from vahana.profile.v1 import (
    credential_pb2_grpc,
    group_pb2_grpc,
    identity_pb2_grpc,
    identity_provider_pb2_grpc,
    snapshot_pb2,
    snapshot_pb2_grpc,
    tenant_pb2_grpc,
    token_pb2_grpc,
    user_pb2_grpc,
)


def wire() -> Chassis:
    """Put the service together."""
    settings = ProfileSettings()
    chassis = Chassis.start(settings, metadata, "services.profile")
    master = _master_key(chassis.db, settings)
    outbox = Outbox(metadata)
    entities = Entities(metadata, outbox)
    publisher = Publisher(entities)
    ensure_first(chassis.db, publisher)
    requests = Requests(metadata)
    _serve_people(chassis, requests, publisher)
    _serve_secrets(chassis, requests, master)
    _serve_identities(chassis, requests, master, publisher, private=settings.private_identity_providers)
    chassis.rpc.add(
        snapshot_pb2_grpc.add_SnapshotServiceServicer_to_server,
        SnapshotService(
            ExportedEntities(
                PROFILE,
                chassis.db,
                entities,
                part=snapshot_pb2.ExportEntitiesResponse,
                found=snapshot_pb2.FindEntitiesResponse,
            )
        ),
        "vahana.profile.v1.SnapshotService",
    )
    chassis.relay(outbox)
    return chassis


def _master_key(db: Database, settings: ProfileSettings) -> MasterKey:
    given = settings.master_key.get_secret_value()
    return open_vault(db, settings.master_key_file, given, lost=settings.master_key_lost)


def _serve_people(chassis: Chassis, requests: Requests, publisher: Publisher) -> None:
    chassis.rpc.add(
        tenant_pb2_grpc.add_TenantServiceServicer_to_server,
        TenantService(Tenants(chassis.db, requests, publisher)),
        "vahana.profile.v1.TenantService",
    )
    chassis.rpc.add(
        user_pb2_grpc.add_UserServiceServicer_to_server,
        UserService(Users(chassis.db, requests, publisher)),
        "vahana.profile.v1.UserService",
    )
    chassis.rpc.add(
        group_pb2_grpc.add_GroupServiceServicer_to_server,
        GroupService(Groups(chassis.db, requests, publisher), Members(chassis.db, publisher)),
        "vahana.profile.v1.GroupService",
    )


def _serve_secrets(chassis: Chassis, requests: Requests, master: MasterKey) -> None:
    chassis.rpc.add(
        token_pb2_grpc.add_ApiTokenServiceServicer_to_server,
        ApiTokenService(ApiTokens(chassis.db, requests, master)),
        "vahana.profile.v1.ApiTokenService",
    )
    chassis.rpc.add(
        credential_pb2_grpc.add_CredentialServiceServicer_to_server,
        CredentialService(Credentials(chassis.db, requests, master)),
        "vahana.profile.v1.CredentialService",
    )
    chassis.rpc.add(
        credential_pb2_grpc.add_SigningServiceServicer_to_server,
        SigningService(Signing(chassis.db, master)),
        "vahana.profile.v1.SigningService",
    )


def _serve_identities(
    chassis: Chassis, requests: Requests, master: MasterKey, publisher: Publisher, *, private: bool
) -> None:
    settings = chassis.settings
    keys = SigningKeys(chassis.db, master, settings.jwks_file)
    keys.refresh()
    chassis.background("signing-keys", keys.run)
    logins = Logins(chassis.db, publisher, KeyCache(partial(fetch, private=private)))
    authentication = Authentication(chassis.db, Bootstrap(settings.identities_file), logins, chassis.verifier)
    identities = Identities(authentication, keys)
    chassis.rpc.add(
        identity_pb2_grpc.add_IdentityServiceServicer_to_server,
        IdentityService(identities),
        "vahana.profile.v1.IdentityService",
        authenticate=identities.authenticate,
    )
    chassis.rpc.add(
        identity_provider_pb2_grpc.add_IdentityProviderServiceServicer_to_server,
        IdentityProviderService(IdentityProviders(chassis.db, requests, private=private)),
        "vahana.profile.v1.IdentityProviderService",
    )


if __name__ == "__main__":
    sys.exit(main(wire))
