"""What tokens are good for, by the contracts."""

import pytest

from services.chassis.errors import NotAllowed
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.scopes import require_scope
from services.gateway.table import routes

GET = "/vahana.experiment.v1.ExperimentService/GetExperiment"
CREATE = "/vahana.experiment.v1.ExperimentService/CreateExperiment"
RESOURCE = "/vahana.registry.v1.ComputeResourceService/GetComputeResource"
EXCHANGE = "/vahana.profile.v1.IdentityService/ExchangeToken"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
CHANNELZ = "/grpc.channelz.v1.Channelz/GetServers"


def _allowed(method, *scopes):
    try:
        require_scope(Identity("ada", "default", frozenset(), frozenset(scopes)), method)
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("*",), {GET, CREATE, RESOURCE, EXCHANGE, REFLECTION, CHANNELZ}),
        (("experiment:read",), {GET, EXCHANGE, REFLECTION}),
        (("experiment:write",), {GET, CREATE, EXCHANGE, REFLECTION}),
        (("registry:read", "experiment:read"), {GET, RESOURCE, EXCHANGE, REFLECTION}),
        (("profile:write",), {EXCHANGE, REFLECTION}),
        ((), {EXCHANGE, REFLECTION}),
        (("experiment", "read", "experiment:*", ":read"), {EXCHANGE, REFLECTION}),
    ],
)
def test_what_scopes_open(scopes, allowed):
    methods = (GET, CREATE, RESOURCE, EXCHANGE, REFLECTION, CHANNELZ)
    assert {method for method in methods if _allowed(method, *scopes)} == allowed


def test_what_is_not_known_needs_the_more():
    assert not _allowed("/vahana.experiment.v1.ExperimentService/NoSuchMethod", "experiment:read")
    assert not _allowed("/vahana/x", "experiment:read")
    assert not _allowed("/no.such.Service/Get", "experiment:write")


def test_every_public_method_is_open_to_a_scope_of_its_service():
    for route in routes():
        domain = route.path.split(".")[1]
        assert _allowed(route.path, f"{domain}:write"), route.path


def test_methods_named_as_reads_are_reads():
    readers = {r.path for r in routes() if r.path.rpartition("/")[2].startswith(("Get", "List", "Watch", "Download"))}
    assert len(readers) > 20
    refused = {path for path in readers if not _allowed(path, f"{path.split('.')[1]}:read")}
    assert refused == set()
