"""Calls go through the gateway as if it were not there."""

import asyncio
import base64
import itertools
import json
import threading
import time

import grpc
import pytest

from services.chassis.rpc.guard import Guard
from services.gateway.callers import access_token
from services.gateway.forward import Forwarder
from services.gateway.table import PRIVATE, Route, owners, public_names, routes
from tests.contract.conftest import bearer
from vahana.experiment.v1 import data_pb2, data_pb2_grpc, experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc

DOWNLOAD = {"experiment_id": "exp-1"}
# gRPC writes a deadline between 1 and 10 s with a resolution of 10 ms, rounded up, at every hop.
WIRE_ROUNDING = 0.01
WATCH = experiment_pb2.WatchExperimentRequest(experiment_id="exp-1")


@pytest.fixture
def channel(gateway):
    with grpc.insecure_channel(gateway.address) as opened:
        yield opened


def test_unary_with_metadata_both_ways(gateway, backends):
    stub = gateway.stub(tenant_pb2_grpc.TenantServiceStub, "user")
    sent = [("x-request-id", "mine-1"), ("traceparent", "00-abc-def-01"), ("x-bytes-bin", b"\x00\x01")]
    answer, call = stub.GetTenant.with_call(tenant_pb2.GetTenantRequest(name="ada"), metadata=sent, timeout=9)
    assert answer.tenant.name == "ada"
    assert dict(call.initial_metadata())["x-first"] == "a"
    assert {("x-last", "b"), ("x-last-bin", b"\x00\xff")} <= set(map(tuple, call.trailing_metadata()))
    (received,) = backends.profile.seen.metadata
    assert dict(sent).items() <= received.items()
    assert _subject(received["authorization"]) == "ada"
    assert 0 < backends.profile.seen.remaining[0] <= 9 + 2 * WIRE_ROUNDING


def test_a_request_id_is_made_where_none_is_sent(gateway, backends):
    gateway.stub(tenant_pb2_grpc.TenantServiceStub, "user").GetTenant(tenant_pb2.GetTenantRequest())
    assert backends.profile.seen.metadata[0]["x-request-id"].startswith("req-")


def test_no_deadline_stays_none(gateway, backends):
    gateway.stub(tenant_pb2_grpc.TenantServiceStub, "user").GetTenant(tenant_pb2.GetTenantRequest())
    assert backends.profile.seen.remaining[0] is None or backends.profile.seen.remaining[0] > 10**6


def test_errors_keep_their_code_message_and_details(gateway):
    stub = gateway.stub(tenant_pb2_grpc.TenantServiceStub, "user")
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetTenant(tenant_pb2.GetTenantRequest(name="refuse"))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "gone")
    trailers = dict(caught.value.trailing_metadata())
    assert trailers["grpc-status-details-bin"] == b"\x08\x05\x12\x04gone"
    assert trailers["x-own"] == "1"


def test_a_deadline_passes_through(gateway, backends):
    stub = gateway.stub(tenant_pb2_grpc.TenantServiceStub, "user")
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetTenant(tenant_pb2.GetTenantRequest(name="wait"), timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert backends.profile.seen.ended.wait(10)


def test_downloads(gateway):
    stub = gateway.stub(data_pb2_grpc.DataServiceStub, "user")
    stream = stub.DownloadOutput(data_pb2.DownloadOutputRequest(output="all", **DOWNLOAD))
    assert [each.chunk[:2] for each in stream] == [number.to_bytes(2, "big") for number in range(200)]
    assert dict(stream.trailing_metadata())["x-last"] == "c"


def test_a_download_that_breaks_off(gateway):
    stub = gateway.stub(data_pb2_grpc.DataServiceStub, "user")
    stream = stub.DownloadOutput(data_pb2.DownloadOutputRequest(output="break", **DOWNLOAD))
    received = []
    with pytest.raises(grpc.RpcError) as caught:
        received.extend(stream)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "broken")


def test_uploads(channel):
    upload = data_pb2_grpc.DataServiceStub(channel).UploadFile
    chunks = (data_pb2.UploadFileRequest(chunk=b"x" * 100_000) for _ in range(30))
    assert upload(chunks, metadata=[bearer("user")], timeout=30).size == 3_000_000


def test_an_upload_refused_half_way_says_why_at_once(channel):
    upload, hold = data_pb2_grpc.DataServiceStub(channel).UploadFile, threading.Event()

    def chunks():
        yield data_pb2.UploadFileRequest(chunk=b"refuse")
        hold.wait(30)

    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        upload(chunks(), metadata=[bearer("user")])
    hold.set()
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "enough")
    assert time.monotonic() - began < 10


def test_an_upload_refused_while_more_is_sent_says_why(channel):
    upload = data_pb2_grpc.DataServiceStub(channel).UploadFile
    for _ in range(40):
        first = [data_pb2.UploadFileRequest(chunk=b"refuse")]
        rest = (data_pb2.UploadFileRequest(chunk=b"x" * 65_536) for _ in range(64))
        with pytest.raises(grpc.RpcError) as caught:
            upload(itertools.chain(first, rest), metadata=[bearer("user")])
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "enough")


def test_a_watch_shows_changes_as_they_come(gateway, backends):
    stream = gateway.stub(experiment_pb2_grpc.ExperimentServiceStub, "user").WatchExperiment(WATCH)
    for name in ("one", "two"):
        backends.experiment.seen.say.put(name)
        assert next(stream).experiment.experiment_id == name
    backends.experiment.seen.say.put(None)
    assert list(stream) == []


def test_a_unary_call_given_up_is_given_up_behind(channel, backends):
    call = tenant_pb2_grpc.TenantServiceStub(channel).GetTenant.future(
        tenant_pb2.GetTenantRequest(name="wait"), metadata=[bearer("user")]
    )
    assert backends.profile.seen.entered.wait(10)
    call.cancel()
    assert backends.profile.seen.ended.wait(10)


def test_so_is_a_watch(gateway, backends):
    stream = gateway.stub(experiment_pb2_grpc.ExperimentServiceStub, "user").WatchExperiment(WATCH)
    backends.experiment.seen.say.put("one")
    next(stream)
    stream.cancel()
    assert backends.experiment.seen.ended.wait(10)


def test_so_is_an_upload(channel, backends):
    hold = threading.Event()

    def chunks():
        yield data_pb2.UploadFileRequest(chunk=b"x")
        hold.wait(30)

    call = data_pb2_grpc.DataServiceStub(channel).UploadFile.future(chunks(), metadata=[bearer("user")])
    assert backends.experiment.seen.entered.wait(10)
    call.cancel()
    hold.set()
    assert backends.experiment.seen.ended.wait(10)


def test_calls_given_up_leave_nothing_behind(gateway, channel, backends, until):
    for _ in range(20):
        backends.profile.seen.entered.clear()
        call = tenant_pb2_grpc.TenantServiceStub(channel).GetTenant.future(
            tenant_pb2.GetTenantRequest(name="wait"), metadata=[bearer("user")]
        )
        assert backends.profile.seen.entered.wait(10)
        call.cancel()
        backends.profile.seen.say.put(None)
    until(lambda: gateway.chassis.rpc.guard.active == 0)


@pytest.mark.parametrize(
    ("method", "code", "reason"),
    [
        ("/no.such.Service/Get", grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_SERVICE"),
        ("/vahana.profile.v1.TenantService/NoSuch", grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_SERVICE"),
        ("/vahana.profile.v1.SigningService/SignChallenge", grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_SERVICE"),
        ("/vahana.experiment.v1.ProcessService/PersistEvents", grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_SERVICE"),
    ],
)
def test_what_is_not_public_is_not_there(channel, refused, method, code, reason):
    for who in ("user", "admin"):
        with refused(code, reason):
            channel.unary_unary(method)(b"", metadata=[bearer(who)], timeout=10)


def test_no_private_service_is_in_the_table():
    private = {service.full_name for services in PRIVATE.values() for service in services}
    assert private == {
        "vahana.profile.v1.SigningService",
        "vahana.profile.v1.SnapshotService",
        "vahana.registry.v1.SnapshotService",
        "vahana.experiment.v1.ProcessService",
        "vahana.executor.v1.ScriptService",
        "vahana.executor.v1.ExplanationService",
        "vahana.scheduler.v1.ExplanationService",
    }
    assert not any(route.path[1:].partition("/")[0] in private for route in routes())
    assert len(public_names()) == 26
    assert set(owners()) == private | set(public_names())


def test_the_gateway_itself_checks_the_token(channel, backends, refused):
    for metadata, reason in (([], "TOKEN_MISSING"), ([("authorization", "Bearer nobody")], "TOKEN_INVALID")):
        with refused(grpc.StatusCode.UNAUTHENTICATED, reason):
            channel.unary_unary("/vahana.profile.v1.TenantService/GetTenant")(b"", metadata=metadata, timeout=10)
    assert backends.profile.seen.metadata == []


def test_a_backend_away_is_told_at_once_and_found_again(gateway, backends, refused, until, capfd):
    stub = gateway.stub(tenant_pb2_grpc.TenantServiceStub, "user")
    data = gateway.stub(data_pb2_grpc.DataServiceStub, "user")
    stub.GetTenant(tenant_pb2.GetTenantRequest())

    backends.profile.down()
    until(lambda: not _answers(stub))
    began = time.monotonic()
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as told:
        stub.GetTenant(tenant_pb2.GetTenantRequest(), timeout=20)
    assert time.monotonic() - began < 2
    assert "profile" in told.message
    assert str(backends.profile.port) not in told.message
    assert "127.0.0.1" not in told.message
    assert f"127.0.0.1:{backends.profile.port}" in capfd.readouterr().err
    assert len(list(data.DownloadOutput(data_pb2.DownloadOutputRequest(output="all", **DOWNLOAD)))) == 200

    backends.profile.up()
    began = time.monotonic()
    until(lambda: _answers(stub))
    assert time.monotonic() - began < 5


def test_a_backend_that_dies_in_mid_call_is_told(gateway, backends, refused):
    stream = gateway.stub(experiment_pb2_grpc.ExperimentServiceStub, "user").WatchExperiment(WATCH)
    backends.experiment.seen.say.put("one")
    next(stream)
    threading.Thread(target=backends.experiment.down).start()
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    backends.experiment.seen.say.put(None)


def _subject(authorization):
    claims = authorization.removeprefix("Bearer ").split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]


def _answers(stub):
    try:
        stub.GetTenant(tenant_pb2.GetTenantRequest(), timeout=5)
    except grpc.RpcError:
        return False
    return True


def test_streams_both_ways_at_once():
    """No public method is of this kind yet."""

    async def echo(requests, context):
        async for request in requests:
            yield b"<" + request + b">"

    async def scenario():
        backend, front = grpc.aio.server(), grpc.aio.server()
        route = Route("/echo.Echo/Both", "echo", requests_stream=True, responses_stream=True)
        access_token.set("of-the-test")
        backend.add_generic_rpc_handlers((_One(grpc.stream_stream_rpc_method_handler(echo)),))
        port = backend.add_insecure_port("127.0.0.1:0")
        await backend.start()
        behind = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        forwarder = Forwarder(route, _Fixed(behind), Guard(60))
        front.add_generic_rpc_handlers((_One(forwarder.handler()),))
        port = front.add_insecure_port("127.0.0.1:0")
        await front.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.stream_stream(route.path)()
            for word in (b"a", b"b"):
                await call.write(word)
                assert await call.read() == b"<" + word + b">"
            await call.done_writing()
            assert await call.read() is grpc.aio.EOF
            assert await call.code() is grpc.StatusCode.OK
        await behind.close()
        await front.stop(None)
        await backend.stop(None)

    asyncio.run(scenario())


class _One(grpc.GenericRpcHandler):
    def __init__(self, handler):
        self._handler = handler

    def service(self, _details):
        return self._handler


class _Fixed:
    def __init__(self, channel):
        self._channel = channel

    def calls(self, _backend):
        return self._channel
