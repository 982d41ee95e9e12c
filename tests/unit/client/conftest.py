"""A gateway of the test's own making, and the command line in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from vahana.eventsink.v1 import parked_pb2 as eventsink_parked_pb2
from vahana.executor.v1 import parked_pb2 as executor_parked_pb2
from vahana.experiment.v1 import data_pb2, experiment_pb2, project_pb2
from vahana.experiment.v1 import parked_pb2 as experiment_parked_pb2
from vahana.profile.v1 import credential_pb2, identity_pb2, tenant_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2
from vahana.registry.v1 import parked_pb2 as registry_parked_pb2
from vahana.scheduler.v1 import hold_pb2
from vahana.scheduler.v1 import parked_pb2 as scheduler_parked_pb2
from vahana_client.cli.main import main

_MODULES = (
    data_pb2,
    experiment_pb2,
    project_pb2,
    credential_pb2,
    identity_pb2,
    tenant_pb2,
    application_pb2,
    compute_resource_pb2,
    hold_pb2,
    eventsink_parked_pb2,
    executor_parked_pb2,
    experiment_parked_pb2,
    registry_parked_pb2,
    scheduler_parked_pb2,
)

TOKEN = "token-of-the-test"


@dataclass
class RefusalError(Exception):
    """An error for a fake answer to raise, in the form the services give it."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    fields: Sequence[tuple[str, str]] = ()

    def status(self) -> status_pb2.Status:
        """The error as google.rpc.Status."""
        details = []
        if self.reason:
            details.append(error_details_pb2.ErrorInfo(reason=self.reason, domain="vahana"))
        if self.fields:
            bad = error_details_pb2.BadRequest()
            for name, fault in self.fields:
                bad.field_violations.add(field=name, description=fault)
            details.append(bad)
        packed = []
        for detail in details:
            packed.append(any_pb2.Any())
            packed[-1].Pack(detail)
        return status_pb2.Status(code=self.code.value[0], message=self.message, details=packed)


@dataclass
class FakeGateway:
    """Serves every method of the contracts: those in `answers` as told, the rest as UNIMPLEMENTED."""

    address: str = ""
    answers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)

    def called(self, method: str) -> list[Any]:
        """The requests a method got."""
        return [request for name, request in self.calls if name == method]

    def answer(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        if hasattr(request, "__next__"):
            request = list(request)
        self.calls.append((method, request))
        self.metadata.append(dict(context.invocation_metadata()))
        if method not in self.answers:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, method)
        try:
            return self.answers[method](request)
        except RefusalError as refusal:
            context.abort_with_status(rpc_status.to_status(refusal.status()))

    def stream(self, method: str, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from self.answer(method, request, context)
        except RefusalError as refusal:
            context.abort_with_status(rpc_status.to_status(refusal.status()))


def _handler(gateway: FakeGateway, method: MethodDescriptor) -> grpc.RpcMethodHandler:
    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        return gateway.answer(method.name, request, context)

    def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        return gateway.stream(method.name, request, context)

    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
    }
    return kinds[method.client_streaming, method.server_streaming](
        stream if method.server_streaming else unary,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """A fake gateway that serves on a port of its own."""
    fake = FakeGateway()
    server = grpc.server(ThreadPoolExecutor(8))
    for module in _MODULES:
        for service in module.DESCRIPTOR.services_by_name.values():
            methods = {method.name: _handler(fake, method) for method in service.methods}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, methods),))
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield fake
    server.stop(None).wait()


@pytest.fixture
def refuse() -> Callable[..., Callable[[Any], Any]]:
    """Makes an answer that refuses: status name, message, reason, violated fields."""

    def make(status: str, message: str, reason: str = "", fields: dict[str, str] | None = None) -> Callable[[Any], Any]:
        def answer(_: Any) -> Any:
            raise RefusalError(grpc.StatusCode[status], message, reason, tuple((fields or {}).items()))

        return answer

    return make


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


Vahana = Callable[..., Result]


@pytest.fixture
def vahana(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Vahana:
    """Runs a command line against the fake gateway."""
    monkeypatch.setenv("VAHANA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VAHANA_GATEWAY", gateway.address)
    monkeypatch.setenv("VAHANA_TOKEN", TOKEN)

    def run(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["vahana", *map(str, words)])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfdbinary.readouterr()
        code = ended.value.code
        return Result(int(code or 0), captured.out.decode(), captured.err.decode())

    return run
