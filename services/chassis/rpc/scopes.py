"""What a token must be good for, by the method called: read from the contracts, so that no table can be forgotten."""

from __future__ import annotations

import functools

from google.protobuf import descriptor_pb2, descriptor_pool

from services.chassis.errors import NotAllowed
from services.chassis.rpc.auth import EVERYTHING, Identity
from vahana.profile.v1 import identity_pb2

_PACKAGE = "vahana."
IDENTITY = identity_pb2.DESCRIPTOR.services_by_name["IdentityService"].full_name
"""What every token may be asked about by, and exchanged at, whatever else it is good for."""
_ANY_TOKEN = ("/grpc.reflection.", f"/{IDENTITY}/")
_NO_SIDE_EFFECTS = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS


def require_scope(identity: Identity, method: str) -> None:
    """Raise NotAllowed unless the caller's token may be used for `method`, in gRPC's form: /package.Service/Method."""
    if EVERYTHING in identity.scopes:
        return
    enough = _enough_for(method)
    if enough is not None and not enough & identity.scopes:
        raise NotAllowed(f"the token is not good for this: it needs the scope {min(enough, default=EVERYTHING)!r}")


@functools.lru_cache(maxsize=2048)
def _enough_for(method: str) -> frozenset[str] | None:
    """The scopes any one of which is enough; None where every token is, empty where only EVERYTHING is."""
    if method.startswith(_ANY_TOKEN):
        return None
    service, _, name = method[1:].partition("/")
    if not service.startswith(_PACKAGE):
        return frozenset()
    domain = service.split(".")[1]
    write = f"{domain}:write"
    return frozenset({f"{domain}:read", write}) if _reads(service, name) else frozenset({write})


def _reads(service: str, name: str) -> bool:
    try:
        method = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    except KeyError:
        return False
    level: int = method.GetOptions().idempotency_level
    return level == _NO_SIDE_EFFECTS
