"""Starts profile: `python -m services.profile`."""

import sys
from pathlib import Path

from pydantic import Field

from services.chassis.requests import Requests
from services.chassis.run import Chassis, main
from services.chassis.settings import Settings
from services.profile.handlers.credentials import Credentials
from services.profile.handlers.opening import ensure_first, open_vault
from services.profile.handlers.signing import Signing
from services.profile.handlers.tenants import Tenants
from services.profile.handlers.users import Users
from services.profile.schema import metadata
from services.profile.transport import CredentialService, SigningService, TenantService, UserService
from vahana.profile.v1 import credential_pb2_grpc, tenant_pb2_grpc, user_pb2_grpc


class ProfileSettings(Settings):
    """The settings of profile."""

    service: str = "profile"
    master_key_file: Path = Field(default_factory=lambda data: data["home"] / "master.key")
    """The key that credentials are sealed with; made on the first start. Without it they are lost: back it up."""


def wire() -> Chassis:
    """Put the service together."""
    settings = ProfileSettings()
    chassis = Chassis.start(settings, metadata, "services.profile")
    master = open_vault(chassis.db, settings.master_key_file)
    ensure_first(chassis.db)
    requests = Requests(metadata)
    chassis.rpc.add(
        tenant_pb2_grpc.add_TenantServiceServicer_to_server,
        TenantService(Tenants(chassis.db, requests)),
        "vahana.profile.v1.TenantService",
    )
    chassis.rpc.add(
        user_pb2_grpc.add_UserServiceServicer_to_server,
        UserService(Users(chassis.db, requests)),
        "vahana.profile.v1.UserService",
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
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
