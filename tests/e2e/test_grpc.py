"""The mesh by any gRPC client: reflection, health by name, a launch without generated code, and grpcurl where it is."""

import json
import shutil
import subprocess
import uuid
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.e2e.conftest import RunningMesh
from tests.e2e.probe import Probe, prepare
from vahana.experiment.v1 import experiment_pb2

PUBLIC = {
    "vahana.profile.v1.TenantService",
    "vahana.profile.v1.UserService",
    "vahana.profile.v1.CredentialService",
    "vahana.registry.v1.ComputeResourceService",
    "vahana.registry.v1.StorageResourceService",
    "vahana.registry.v1.ApplicationService",
    "vahana.experiment.v1.ProjectService",
    "vahana.experiment.v1.ExperimentService",
    "vahana.experiment.v1.DataService",
    "vahana.scheduler.v1.SchedulerService",
    "vahana.executor.v1.ExecutorService",
}
SERVICES = ("profile", "registry", "experiment", "scheduler", "executor", "eventsink", "gateway")


class Authorized(grpc.StreamStreamClientInterceptor):
    """Puts the token on reflection's stream."""

    def __init__(self, token: str) -> None:
        self._token = token

    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(details._replace(metadata=[("authorization", f"Bearer {self._token}")]), requests)


@pytest.fixture(scope="module")
def launchable(mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory) -> Probe:
    """An experiment that is stored and not launched."""
    directory = tmp_path_factory.mktemp("launchable")
    prepare(mesh, directory)
    return Probe(mesh.connect(), directory)


def test_every_service_answers_health_by_name_without_a_token(mesh: RunningMesh) -> None:
    with grpc.insecure_channel(mesh.record().gateway) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ["", *PUBLIC]:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, name


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_demands_a_token_when_called_directly(mesh: RunningMesh, service: str) -> None:
    with grpc.insecure_channel(mesh.address(service)) as channel:
        call = channel.unary_unary("/vahana.experiment.v1.ExperimentService/GetExperiment")
        for metadata in (None, [("authorization", "Bearer wrong")], [("authorization", "Basic YTpi")]):
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", metadata=metadata, timeout=10)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_client_without_generated_code_finds_and_launches(mesh: RunningMesh, launchable: Probe) -> None:
    token = mesh.token()
    with grpc.insecure_channel(mesh.record().gateway) as channel:
        database = ProtoReflectionDescriptorDatabase(grpc.intercept_channel(channel, Authorized(token)))
        assert set(database.get_services()) >= PUBLIC
        pool = DescriptorPool(database)
        service = pool.FindServiceByName("vahana.experiment.v1.ExperimentService")
        method = service.FindMethodByName("LaunchExperiment")
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.ParseDict({"experimentId": launchable.create().id, "requestId": uuid.uuid4().hex}, request)
        answer = channel.unary_unary(f"/{service.full_name}/{method.name}")(
            request.SerializeToString(), metadata=[("authorization", f"Bearer {token}")], timeout=30
        )
    experiment = message_factory.GetMessageClass(method.output_type).FromString(answer).experiment
    assert experiment.experiment_id == launchable.id
    assert launchable.wait_end().experiment.state == 7  # COMPLETED
    assert launchable.runs() == 1


def test_a_malformed_request_is_refused_with_its_fields(mesh: RunningMesh) -> None:
    with mesh.connect() as connection, pytest.raises(grpc.RpcError) as refused:
        connection.experiments.CreateExperiment(experiment_pb2.CreateExperimentRequest())
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with grpc.insecure_channel(mesh.record().gateway) as channel:
        call = channel.unary_unary("/vahana.experiment.v1.ExperimentService/CreateExperiment")
        with pytest.raises(grpc.RpcError) as garbage:
            call(b"\xff\xff\xff", metadata=[("authorization", f"Bearer {mesh.token()}")], timeout=10)
    assert garbage.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is not installed; the README says how")
def test_the_readme_by_grpcurl(mesh: RunningMesh, launchable: Probe, tmp_path: Path) -> None:
    gateway, authorization = mesh.record().gateway, f"authorization: Bearer {mesh.token()}"

    def grpcurl(*words: str, token: bool = True) -> str:
        command = ["grpcurl", "-plaintext", *(("-H", authorization) if token else ()), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert set(grpcurl(gateway, "list").split()) >= PUBLIC
    assert "rpc LaunchExperiment" in grpcurl(gateway, "describe", "vahana.experiment.v1.ExperimentService")
    health = ("-d", '{"service": "vahana.registry.v1.ApplicationService"}', gateway, "grpc.health.v1.Health/Check")
    assert "SERVING" in grpcurl(*health)
    wanted = json.dumps({"experiment_id": launchable.create().id})
    service = "vahana.experiment.v1.ExperimentService"
    assert launchable.id in grpcurl("-d", wanted, gateway, f"{service}/LaunchExperiment")
    assert "EXPERIMENT_STATE_COMPLETED" in grpcurl("-d", wanted, gateway, f"{service}/WatchExperiment")
