"""Services, their peers and the gateway by TLS, with certificates on one side or both."""

import grpc
import pytest
from pydantic import ValidationError

from services.chassis.run import Chassis
from services.chassis.settings import Settings
from services.gateway.__main__ import wire as gateway
from tests.contract.certificates import Authority
from tests.contract.conftest import bearer
from tests.contract.rpc.conftest import Tenants
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc
from vahana_client.connection import Connection
from vahana_client.mesh.health import serving

GET = tenant_pb2.GetTenantRequest()


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path / "ours", "ours")


@pytest.fixture
def strangers(tmp_path):
    return Authority(tmp_path / "strangers", "strangers")


@pytest.fixture
def start(serve, gates, ours):
    """`start(**settings)`: a service with a certificate."""

    def wire() -> Chassis:
        chassis = Chassis.start(Settings(service="probe"), None, "services.probe")
        register = tenant_pb2_grpc.add_TenantServiceServicer_to_server
        chassis.rpc.add(register, Tenants(gates), "vahana.profile.v1.TenantService")
        return chassis

    return lambda **more: serve(wire, **_files(ours, "service"), **more)


def _files(authority, name):
    certificate, key = authority.vouch(name)
    return {
        "tls_certificate_file": str(certificate),
        "tls_key_file": str(key),
        "tls_ca_file": str(authority.file),
    }


def _call(address, authority=None, shown=None):
    """As a user, over a channel of the test's own; returns the tenant or the code of the refusal."""
    if authority is None:
        channel = grpc.insecure_channel(address)
    else:
        pair = [file.read_bytes() for file in reversed(shown)] if shown else [None, None]
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(authority.file.read_bytes(), *pair))
    with channel:
        try:
            stub = tenant_pb2_grpc.TenantServiceStub(channel)
            return stub.GetTenant(GET, metadata=[bearer("user")], timeout=10).tenant.name
        except grpc.RpcError as error:
            return error.code()


def test_a_service_with_a_certificate_is_called_by_tls_alone(start, ours, strangers):
    service = start()
    assert _call(service.address, ours) == "default"
    assert _call(service.address) is grpc.StatusCode.UNAVAILABLE
    assert _call(service.address, strangers) is grpc.StatusCode.UNAVAILABLE


def test_it_may_demand_a_certificate_of_its_callers(start, ours, strangers):
    service = start(tls_require_client_certificate="true")
    assert _call(service.address, ours, ours.vouch("caller")) == "default"
    assert _call(service.address, ours) is grpc.StatusCode.UNAVAILABLE
    assert _call(service.address, ours, strangers.vouch("caller")) is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_is_no_token(start, ours, refused):
    service = start(tls_require_client_certificate="true")
    certificate, key = ours.vouch("caller")
    credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in (ours.file, key, certificate)))
    with (
        grpc.secure_channel(service.address, credentials) as channel,
        refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"),
    ):
        tenant_pb2_grpc.TenantServiceStub(channel).GetTenant(GET, timeout=10)


def test_the_gateway_and_services_show_each_other_certificates(start, serve, ours):
    service = start(tls_require_client_certificate="true")
    front = serve(
        gateway,
        **_files(ours, "gateway"),
        tls_require_client_certificate="false",
        profile_address=service.address,
    )
    assert _call(front.address, ours) == "default"
    assert _call(front.address) is grpc.StatusCode.UNAVAILABLE


def test_a_gateway_whose_authority_is_another_reaches_no_service(start, serve, ours, strangers):
    service = start(tls_require_client_certificate="true")
    front = serve(gateway, **_files(strangers, "gateway"), profile_address=service.address)
    certificate = strangers.vouch("caller")
    assert _call(front.address, strangers, certificate) is grpc.StatusCode.UNAVAILABLE


def test_peers_call_each_other_so_too(start, minted, monkeypatch):
    service = start(tls_require_client_certificate="true")
    settings = service.chassis.settings.model_copy(update={"registry_address": service.address})
    monkeypatch.setattr(service.chassis, "settings", settings)
    monkeypatch.setattr("services.chassis.run.AccessToken", lambda *_: _Fixed(minted("executor")))
    stub = tenant_pb2_grpc.TenantServiceStub(service.chassis.peer("registry"))
    assert stub.GetTenant(GET, timeout=10).tenant.display_name.startswith("executor|")


class _Fixed:
    def __init__(self, token):
        self._token = token

    def get(self):
        return self._token


def test_a_client_is_told_whom_to_trust(start, ours, minted, monkeypatch):
    service = start(tls_require_client_certificate="true")
    assert not serving(service.address)
    certificate, key = ours.vouch("client")
    for name, file in {"CA_FILE": ours.file, "CERTIFICATE_FILE": certificate, "KEY_FILE": key}.items():
        monkeypatch.setenv(f"VAHANA_{name}", str(file))
    assert serving(service.address)
    with Connection(service.address, minted("user")) as connection:
        stub = tenant_pb2_grpc.TenantServiceStub(connection._channel)
        assert stub.GetTenant(GET, metadata=[bearer("user")], timeout=10).tenant.name == "default"
    monkeypatch.setenv("VAHANA_CA_FILE", "/no/such/file")
    with pytest.raises(FileNotFoundError):
        Connection(service.address, "token")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tls_certificate_file": "a"}, "TLS_KEY_FILE"),
        ({"tls_key_file": "a"}, "TLS_CERTIFICATE_FILE"),
        ({"tls_require_client_certificate": True}, "TLS_CA_FILE"),
        ({"tls_require_client_certificate": True, "tls_ca_file": "a"}, "TLS_CERTIFICATE_FILE"),
        (
            {"tls_require_client_certificate": True, "tls_certificate_file": "a", "tls_key_file": "b"},
            "TLS_CA_FILE",
        ),
    ],
)
def test_half_a_configuration_is_refused(given, told):
    with pytest.raises(ValidationError, match=told):
        Settings(service="probe", **given)


def test_a_file_that_is_not_there_is_told():
    settings = Settings(service="probe", tls_ca_file="/no/such/ca.pem")
    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        Chassis.start(settings, None, "services.probe")
