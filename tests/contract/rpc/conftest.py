"""A service whose methods do what the tests of the RPC layer need to see done."""

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from services.chassis import errors
from services.chassis.rpc.auth import Identity, caller, raw_token, require_role, require_service, set_caller
from services.chassis.rpc.guard import request_id
from services.chassis.run import Chassis
from services.chassis.settings import Settings
from vahana.experiment.v1 import data_pb2, data_pb2_grpc, experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc, tenant_pb2, tenant_pb2_grpc

REFUSALS = {
    "invalid": errors.InvalidFields([errors.FieldViolation("name", "is taken by law; choose another")]),
    "not-found": errors.NotFound("tenant", "nix"),
    "exists": errors.AlreadyExists("tenant", "nix"),
    "not-allowed": errors.NotAllowed("not for you"),
    "wrong-state": errors.WrongState("it has ended"),
    "stale": errors.StaleRevision("revision 2 is not the present one"),
    "reused": errors.RequestIdReused("r-1"),
    "limit": errors.LimitExceeded("too much"),
    "unavailable": errors.Unavailable("the database does not answer"),
    "digest": errors.DigestMismatch("other bytes"),
    "hopeless": errors.InvalidFields(
        [errors.FieldViolation(f"inputs[{position}].name", f"is '{'鈥' * 400}'") for position in range(150)]
    ),
}


@dataclass
class Gates:
    """Where handlers wait, and what they saw."""

    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    seen: list[object] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)


class Tenants(tenant_pb2_grpc.TenantServiceServicer):
    """Plain unary methods."""

    def __init__(self, gates: Gates) -> None:
        self.gates = gates

    def CreateTenant(self, request, context):
        self.gates.requests.append(request.SerializeToString())
        if request.name in REFUSALS:
            raise REFUSALS[request.name]
        if request.name == "boom":
            raise ZeroDivisionError("the secret cause")
        if request.name == "nothing":
            return None
        if request.name == "operators":
            require_role("operator")
        if request.name == "executors":
            require_service("executor")
        return tenant_pb2.CreateTenantResponse(tenant=tenant_pb2.Tenant(name=request.name))

    def GetTenant(self, request, context):
        """Who calls, and on which thread; "wait" waits."""
        if request.name == "wait":
            self.gates.entered.set()
            self.gates.release.wait(30)
        who = caller()
        text = f"{who.subject}|{','.join(sorted(who.roles))}|{request_id.get()}|{threading.current_thread().name}"
        return tenant_pb2.GetTenantResponse(tenant=tenant_pb2.Tenant(name=who.tenant, display_name=text))

    def ListTenants(self, request, context):
        return tenant_pb2.ListTenantsResponse(next_page_token="x" * request.page_size * 10_000)


class Data(data_pb2_grpc.DataServiceServicer):
    """Plain streams both ways."""

    def __init__(self, gates: Gates) -> None:
        self.gates = gates

    def UploadFile(self, request_iterator, context):
        digest, size = hashlib.sha256(), 0
        for request in request_iterator:
            self.gates.seen.append(request.WhichOneof("part"))
            self.gates.requests.append(request.SerializeToString())
            self.gates.entered.set()
            digest.update(request.chunk)
            size += len(request.chunk)
        return data_pb2.UploadFileResponse(sha256=digest.hexdigest(), size=size)

    def DownloadOutput(self, request, context) -> Iterator[data_pb2.DownloadOutputResponse]:
        try:
            yield data_pb2.DownloadOutputResponse(header=data_pb2.FileHeader(file_name=caller().subject))
            if request.output == "boom":
                raise ZeroDivisionError
            self.gates.entered.set()
            if request.output == "wait":
                self.gates.release.wait(30)
            for number in range(100 if request.output != "endless" else 10**9):
                yield data_pb2.DownloadOutputResponse(chunk=number.to_bytes(4, "big"))
        finally:
            self.gates.closed.set()


class Experiments(experiment_pb2_grpc.ExperimentServiceServicer):
    """Asynchronous methods."""

    def __init__(self, gates: Gates) -> None:
        self.gates = gates

    async def GetExperiment(self, request, context):
        return experiment_pb2.GetExperimentResponse(
            experiment=experiment_pb2.Experiment(experiment_id=caller().subject)
        )

    async def WatchExperiment(self, request, context):
        self.gates.requests.append(request.SerializeToString())
        try:
            for name in ("first", "second"):
                yield experiment_pb2.WatchExperimentResponse(experiment=experiment_pb2.Experiment(experiment_id=name))
            await asyncio.Event().wait()
        finally:
            self.gates.closed.set()


class Identities(identity_pb2_grpc.IdentityServiceServicer):
    """Takes any token but "forged", whoever shows it being of its name."""

    def GetCaller(self, request, context):
        return identity_pb2.GetCallerResponse(caller=identity_pb2.Caller(subject=caller().subject))

    def ExchangeToken(self, request, context):
        return identity_pb2.ExchangeTokenResponse(access_token="x")


def authenticate():
    with pytest.raises(LookupError):
        caller()
    if raw_token() == "forged":
        raise errors.TokenInvalid
    set_caller(Identity(raw_token(), "default", frozenset()))


@pytest.fixture
def gates():
    made = Gates()
    yield made
    made.release.set()


@pytest.fixture
def probe(serve, gates):
    """The service, running."""

    def wire() -> Chassis:
        chassis = Chassis.start(Settings(service="probe"), None, "services.probe")
        for register, servicer, name in (
            (tenant_pb2_grpc.add_TenantServiceServicer_to_server, Tenants(gates), "vahana.profile.v1.TenantService"),
            (data_pb2_grpc.add_DataServiceServicer_to_server, Data(gates), "vahana.experiment.v1.DataService"),
            (
                experiment_pb2_grpc.add_ExperimentServiceServicer_to_server,
                Experiments(gates),
                "vahana.experiment.v1.ExperimentService",
            ),
        ):
            chassis.rpc.add(register, servicer, name)
        register, name = identity_pb2_grpc.add_IdentityServiceServicer_to_server, "vahana.profile.v1.IdentityService"
        chassis.rpc.add(register, Identities(), name, authenticate=authenticate)
        return chassis

    return serve(wire)


@pytest.fixture
def stubs(probe):
    """Stubs of all three services, called as a user."""
    return SimpleNamespace(
        tenants=probe.stub(tenant_pb2_grpc.TenantServiceStub, "user"),
        experiments=probe.stub(experiment_pb2_grpc.ExperimentServiceStub, "user"),
        data=probe.stub(data_pb2_grpc.DataServiceStub, "user"),
    )
