"""The kinds of handlers, what surrounds a call, and how one is given up."""

import hashlib
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from services.chassis import errors
from services.chassis.rpc import client, server
from services.chassis.rpc.access import FileToken
from services.chassis.rpc.guard import Guard
from tests.contract.conftest import bearer
from vahana.experiment.v1 import data_pb2, experiment_pb2
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc

DOWNLOAD = {"experiment_id": "exp-1"}


def test_plain_unary_handlers_run_on_the_pool(stubs):
    text = stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest()).tenant.display_name
    assert text.rpartition("|")[2].startswith("rpc")


def test_asynchronous_unary_handlers_know_their_caller(stubs):
    request = experiment_pb2.GetExperimentRequest(experiment_id="exp-1")
    assert stubs.experiments.GetExperiment(request).experiment.experiment_id == "ada"


def test_uploads_are_read_as_they_come(probe, stubs, gates):
    chunks = [bytes([number]) * 1000 for number in range(50)]

    def requests():
        yield data_pb2.UploadFileRequest(header=data_pb2.FileHeader(sha256="0" * 64, size=50_000))
        assert gates.entered.wait(10), "the handler has not seen the first message before the last was sent"
        yield from (data_pb2.UploadFileRequest(chunk=chunk) for chunk in chunks)

    answer = stubs.data.UploadFile(requests(), metadata=[bearer("user")], timeout=30)
    assert (answer.sha256, answer.size) == (hashlib.sha256(b"".join(chunks)).hexdigest(), 50_000)
    assert gates.seen == ["header", *["chunk"] * 50]


def test_downloads_come_in_order_and_know_their_caller(stubs, gates):
    header, *rest = stubs.data.DownloadOutput(data_pb2.DownloadOutputRequest(output="all", **DOWNLOAD))
    assert header.header.file_name == "ada"
    assert [int.from_bytes(each.chunk, "big") for each in rest] == list(range(100))
    assert gates.closed.wait(10)


def test_a_download_that_breaks_down_keeps_what_was_sent(stubs, refused):
    stream = stubs.data.DownloadOutput(data_pb2.DownloadOutputRequest(output="boom", **DOWNLOAD))
    assert next(stream).HasField("header")
    with refused(grpc.StatusCode.INTERNAL, "DEFECT"):
        next(stream)


@pytest.mark.parametrize("output", ["endless", "wait"])
def test_a_download_given_up_is_closed(stubs, gates, output, capfd):
    stream = stubs.data.DownloadOutput(data_pb2.DownloadOutputRequest(output=output, **DOWNLOAD))
    next(stream)
    assert gates.entered.wait(10)
    stream.cancel()
    gates.release.set()
    assert gates.closed.wait(10)
    assert "defect" not in capfd.readouterr().err


def test_a_watch_given_up_is_closed(stubs, gates, capfd):
    stream = stubs.experiments.WatchExperiment(experiment_pb2.WatchExperimentRequest(experiment_id="exp-1"))
    assert [next(stream).experiment.experiment_id, next(stream).experiment.experiment_id] == ["first", "second"]
    stream.cancel()
    assert gates.closed.wait(10)
    assert "defect" not in capfd.readouterr().err


def test_a_watch_is_validated_too(stubs, refused):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        next(stubs.experiments.WatchExperiment(experiment_pb2.WatchExperimentRequest()))
    assert set(told.fields) == {"experiment_id"}


def test_an_upload_given_up_frees_its_thread(stubs, gates):
    for _ in range(40):
        gates.entered.clear()
        hold = threading.Event()

        def requests(hold=hold):
            yield data_pb2.UploadFileRequest(chunk=b"x")
            hold.wait(30)

        call = stubs.data.UploadFile.future(requests(), metadata=[bearer("user")])
        assert gates.entered.wait(10)
        call.cancel()
        hold.set()


def test_the_request_id_comes_back(stubs):
    _, call = stubs.tenants.GetTenant.with_call(tenant_pb2.GetTenantRequest(), metadata=[("x-request-id", "mine-1")])
    assert dict(call.trailing_metadata())["x-request-id"] == "mine-1"


@pytest.mark.parametrize("given", [None, "", "x" * 101])
def test_a_call_without_a_usable_one_gets_one(stubs, given):
    metadata = [] if given is None else [("x-request-id", given)]
    answer, call = stubs.tenants.GetTenant.with_call(tenant_pb2.GetTenantRequest(), metadata=metadata)
    made = dict(call.trailing_metadata())["x-request-id"]
    assert made.startswith("req-")
    assert f"|{made}|" in answer.tenant.display_name


def test_a_deadline_is_kept(stubs, gates, capfd):
    with pytest.raises(grpc.RpcError) as caught:
        stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest(name="wait"), timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    gates.release.set()
    assert "defect" not in capfd.readouterr().err


def test_a_call_without_a_deadline_gets_one(probe, stubs, monkeypatch):
    monkeypatch.setattr(probe.chassis.rpc.guard, "_patience", 0.3)
    with pytest.raises(grpc.RpcError) as caught:
        stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest(name="wait"))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "no answer within 0.3 seconds" in caught.value.details()


def test_there_is_a_bound_on_calls_under_way(probe, stubs, gates, refused, monkeypatch):
    monkeypatch.setattr(Guard, "active", property(lambda _self: 2000, lambda _self, _value: None), raising=False)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest())
    with grpc.insecure_channel(probe.address) as channel:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)


def test_calls_ended_are_not_counted(probe, stubs):
    for name in ("", "x" * 64):
        try:
            stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest(name=name))
        except grpc.RpcError:
            continue
    _until(lambda: probe.chassis.rpc.guard.active == 0)


def test_health_by_name(probe):
    with grpc.insecure_channel(probe.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "vahana.profile.v1.TenantService", "vahana.experiment.v1.DataService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == 1
        assert "vahana.experiment.v1.DataService" in stub.List(health_pb2.HealthListRequest()).statuses
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="no.such"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_tells_watchers_of_changes(probe):
    with grpc.insecure_channel(probe.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        probe.chassis.rpc.set_serving(False)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()


def test_reflection_lists_and_describes(probe):
    with grpc.insecure_channel(probe.address) as plain:
        database = ProtoReflectionDescriptorDatabase(client_channel(plain))
        assert {"vahana.profile.v1.TenantService", "grpc.health.v1.Health"} <= set(database.get_services())
        file = database.FindFileContainingSymbol("vahana.profile.v1.TenantService")
        assert file.name == "vahana/profile/v1/tenant.proto"


def client_channel(plain):
    class Authorized(grpc.StreamStreamClientInterceptor):
        def intercept_stream_stream(self, continuation, details, requests):
            return continuation(details._replace(metadata=[bearer("user")]), requests)

    return grpc.intercept_channel(plain, Authorized())


@pytest.mark.parametrize("form", ["127.0.0.1:{port}", "localhost:{port}", "dns:///127.0.0.1:{port}"])
def test_peers_are_called_by_address_or_name(probe, tmp_path, form, minted):
    (tmp_path / "token").write_text(f"{minted('executor')}\n")
    address = form.format(port=probe.address.rpartition(":")[2])
    with client.channel(address, FileToken(tmp_path / "token"), service="probe") as channel, client.translate("probe"):
        stub = tenant_pb2_grpc.TenantServiceStub(channel)
        tenant = stub.GetTenant(tenant_pb2.GetTenantRequest(), metadata=client.call_metadata("physics")).tenant
    assert (tenant.name, tenant.display_name.split("|")[0]) == ("physics", "executor")


def test_a_peer_that_is_away_or_distrusts_us_is_unavailable(probe, tmp_path):
    (tmp_path / "token").write_text("token-nobody")
    for address, token in (("127.0.0.1:9", "token"), (probe.address, "token"), (probe.address, "missing")):
        with (
            client.channel(address, FileToken(tmp_path / token), service="probe") as channel,
            pytest.raises(errors.Unavailable, match="probe"),
            client.translate("probe"),
        ):
            tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(tenant_pb2.GetTenantRequest())


def test_a_new_token_is_used_from_then_on(probe, tmp_path, minted):
    token = tmp_path / "token"
    token.write_text("token-nobody")
    with client.channel(probe.address, FileToken(token), service="probe") as channel:
        stub = tenant_pb2_grpc.TenantServiceStub(channel)
        with pytest.raises(errors.Unavailable), client.translate():
            stub.GetTenant(tenant_pb2.GetTenantRequest())
        token.write_text(minted("executor"))
        stub.GetTenant(tenant_pb2.GetTenantRequest())


def test_a_slow_peer_is_unavailable(probe, tmp_path, gates, minted):
    (tmp_path / "token").write_text(minted("executor"))
    with (
        client.channel(probe.address, FileToken(tmp_path / "token"), service="probe") as channel,
        pytest.raises(errors.Unavailable),
        client.translate(),
    ):
        tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(tenant_pb2.GetTenantRequest(name="wait"), timeout=0.3)


def _until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def few_calls(monkeypatch):
    monkeypatch.setattr(server, "MAX_CALLS", 2)


def test_calls_without_a_token_take_no_room_from_those_with_one(few_calls, probe, stubs):
    health = probe.stub(health_pb2_grpc.HealthStub, "")
    watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
    for watch in watches:
        next(watch)
    assert stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest()).tenant.name == "default"
    for watch in watches:
        watch.cancel()
