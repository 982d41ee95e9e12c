"""What callers are told when a call fails."""

import grpc
import pytest

from services.chassis import errors
from services.chassis.rpc import validation
from services.chassis.rpc.client import translate
from services.chassis.rpc.errors import CODES
from tests.contract.conftest import bearer
from vahana.error.v1 import error_pb2
from vahana.experiment.v1 import data_pb2, experiment_pb2
from vahana.profile.v1 import credential_pb2, tenant_pb2
from vahana.registry.v1 import application_pb2

CODE_AND_REASON = {
    "invalid": (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"),
    "not-found": (grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    "exists": (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"),
    "not-allowed": (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
    "wrong-state": (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"),
    "stale": (grpc.StatusCode.ABORTED, "STALE_REVISION"),
    "reused": (grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"),
    "limit": (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"),
    "unavailable": (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"),
    "digest": (grpc.StatusCode.DATA_LOSS, "DIGEST_MISMATCH"),
}


@pytest.mark.parametrize("name", CODE_AND_REASON)
def test_each_refusal_has_its_code_and_reason(stubs, refused, name):
    with refused(*CODE_AND_REASON[name]):
        stubs.tenants.CreateTenant(tenant_pb2.CreateTenantRequest(name=name))


def test_every_reason_of_the_contract_has_a_code():
    reasons = {name.removeprefix("REASON_") for name in error_pb2.Reason.keys()}  # noqa: SIM118 - not a dict
    assert set(CODES) == reasons - {"UNSPECIFIED"}


@pytest.mark.parametrize("name", CODE_AND_REASON)
def test_a_peer_reads_it_as_the_same_refusal(stubs, name):
    with pytest.raises(errors.Refusal) as caught, translate("probe"):
        stubs.tenants.CreateTenant(tenant_pb2.CreateTenantRequest(name=name))
    assert caught.value.reason == CODE_AND_REASON[name][1]
    if name == "not-found":
        assert isinstance(caught.value, errors.NotFound)
        assert caught.value.metadata == {"kind": "tenant", "name": "nix"}
    if name == "invalid":
        assert isinstance(caught.value, errors.InvalidFields)
        assert caught.value.violations == (errors.FieldViolation("name", "is taken by law; choose another"),)


@pytest.mark.parametrize("name", ["boom", "nothing"])
def test_a_defect_tells_nothing_but_the_request_id(stubs, refused, capfd, name):
    with refused(grpc.StatusCode.INTERNAL, "DEFECT") as told:
        stubs.tenants.CreateTenant(tenant_pb2.CreateTenantRequest(name=name), metadata=[("x-request-id", "req-7")])
    assert "req-7" in told.message
    assert "secret" not in told.message
    logged = capfd.readouterr().err
    assert "req-7" in logged
    assert "Traceback" in logged


def test_every_violated_field_is_named(stubs, refused):
    request = tenant_pb2.CreateTenantRequest(name="Bad Name", display_name="x" * 300, request_id="y" * 101)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        stubs.tenants.CreateTenant(request)
    assert set(told.fields) == {"name", "display_name", "request_id"}
    assert told.fields["name"] == "must match ^[a-z][a-z0-9-]{0,62}$; it is 'Bad Name'"
    assert "at most 200 characters" in told.fields["display_name"]
    assert "300 characters" in told.fields["display_name"]


def test_fields_inside_of_lists_have_dotted_paths():
    request = application_pb2.CreateApplicationInterfaceRequest()
    request.interface.inputs.add(name="fine", type=1)
    request.interface.inputs.add(name="1 bad", type=1)
    with pytest.raises(errors.InvalidFields) as caught:
        validation.validate(request)
    assert "interface.inputs[1].name" in {each.field for each in caught.value.violations}


def test_values_of_secret_fields_are_not_repeated():
    request = credential_pb2.CreateCredentialRequest(name="fine", private_key="hush" * 5000)
    with pytest.raises(errors.InvalidFields) as caught:
        validation.validate(request)
    assert "private_key" in caught.value.message
    assert "hush" not in caught.value.message


def test_very_many_violations_still_reach_the_caller(stubs, refused):
    """Trailers above 8 KiB would turn the answer into a complaint of gRPC about its size."""
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        stubs.tenants.CreateTenant(tenant_pb2.CreateTenantRequest(name="hopeless"))
    assert told.message.endswith("…")
    assert 3 <= len(told.fields) < 150
    assert told.fields["inputs[0].name"].startswith("is '鈥鈥")


@pytest.mark.parametrize("method", ["GetTenant", "CreateTenant"])
@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xc3\x28"])
def test_bytes_that_are_no_message_are_the_callers_mistake(probe, refused, method, content):
    with (
        refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told,
        grpc.insecure_channel(probe.address) as channel,
    ):
        call = channel.unary_unary(f"/vahana.profile.v1.TenantService/{method}")
        call(content, metadata=[bearer("user")], timeout=10)
    assert set(told.fields) == {"request"}


@pytest.mark.parametrize("content", [b"\xff\xff\xff", data_pb2.UploadFileRequest().SerializeToString()])
def test_so_are_they_inside_of_a_stream(probe, refused, content):
    good = data_pb2.UploadFileRequest(chunk=b"x").SerializeToString()
    with (
        refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told,
        grpc.insecure_channel(probe.address) as channel,
    ):
        call = channel.stream_unary("/vahana.experiment.v1.DataService/UploadFile")
        call(iter([good, content]), metadata=[bearer("user")], timeout=10)
    assert told.fields


# Field 1000, which no message has, of the value 1.
UNKNOWN_FIELD = b"\xc0\x3e\x01"


def test_what_this_version_knows_nothing_of_reaches_no_handler(probe, gates):
    create = tenant_pb2.CreateTenantRequest(name="fine", request_id="r-1").SerializeToString()
    header = data_pb2.FileHeader(sha256="0" * 64, size=1).SerializeToString() + UNKNOWN_FIELD
    upload = b"\x0a" + bytes([len(header)]) + header
    watch = experiment_pb2.WatchExperimentRequest(experiment_id="exp-1").SerializeToString()
    sent = {"metadata": [bearer("user")], "timeout": 10}
    with grpc.insecure_channel(probe.address) as channel:
        channel.unary_unary("/vahana.profile.v1.TenantService/CreateTenant")(create + UNKNOWN_FIELD, **sent)
        channel.stream_unary("/vahana.experiment.v1.DataService/UploadFile")(iter([upload + UNKNOWN_FIELD]), **sent)
        call = channel.unary_stream("/vahana.experiment.v1.ExperimentService/WatchExperiment")
        stream = call(watch + UNKNOWN_FIELD, **sent)
        next(stream)
        stream.cancel()
    assert data_pb2.UploadFileRequest.FromString(upload).HasField("header")
    assert len(gates.requests) == 3
    assert create == gates.requests[0]
    assert not any(UNKNOWN_FIELD in request for request in gates.requests)


def test_an_unknown_method_is_told_with_its_name(probe, refused):
    with (
        refused(grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_SERVICE") as told,
        grpc.insecure_channel(probe.address) as channel,
    ):
        channel.unary_unary("/a.b.C/D")(b"", metadata=[bearer("user")], timeout=10)
    assert "/a.b.C/D" in told.message


def test_a_message_too_large_is_refused_as_such(probe, stubs):
    with grpc.insecure_channel(probe.address, options=[("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary("/vahana.profile.v1.TenantService/GetTenant")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"x" * (5 << 20), metadata=[bearer("user")], timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    stubs.tenants.GetTenant(tenant_pb2.GetTenantRequest())
