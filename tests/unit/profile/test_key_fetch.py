"""Keys of providers: fetched within bounds, and from where it is allowed."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.profile.oidc import fetch as fetching
from services.profile.oidc.fetch import LARGEST, FetchFailed
from tests.contract.profile.provider import running


def fetch(uri):
    """As where private addresses are allowed: the provider of these tests is on loopback."""
    return fetching.fetch(uri, private=True)


@pytest.fixture
def provider():
    with running() as provider:
        yield provider


def answering(status, body=b"", **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_what_is_there_is_fetched(provider):
    assert fetch(provider.uri).decode() == provider.jwks()
    assert fetch(provider.uri.replace("127.0.0.1", "localhost")).decode() == provider.jwks()


def test_no_redirect_is_followed(provider):
    provider.answer = answering(302, Location=provider.uri)
    with pytest.raises(FetchFailed, match="302"):
        fetch(provider.uri)
    assert provider.asked == 1


def test_no_more_is_read_than_a_key_set_may_have(provider):
    provider.answer = answering(200, b"x" * LARGEST)
    assert len(fetch(provider.uri)) == LARGEST
    provider.answer = answering(200, b"x" * (LARGEST + 1))
    with pytest.raises(FetchFailed, match="over"):
        fetch(provider.uri)


@pytest.mark.parametrize("slow", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["all", "head", "body"])
def test_a_provider_that_dawdles_is_left(provider, monkeypatch, slow):
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.5)
    left = threading.Event()

    def dawdle(handler):
        handler.wfile.write(slow)
        # A byte now and then, each well within the timeout of a single read.
        while not left.wait(0.05):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    provider.answer = dawdle
    try:
        with pytest.raises(FetchFailed):
            fetch(provider.uri)
    finally:
        left.set()


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1/keys",
        "https://127.0.0.1:1/keys",
        "http://192.0.2.1/keys",
        "http://nowhere.invalid/keys",
        "http://127.0.0.1:99999/keys",
        "http:///keys",
        "file:///etc/passwd",
    ],
)
def test_what_cannot_be_had_is_told(uri, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.5)
    with pytest.raises(FetchFailed):
        fetch(uri)


def test_plain_http_speaks_no_tls_and_the_reverse(provider):
    with pytest.raises(FetchFailed):
        fetch(provider.uri.replace("http:", "https:"))


@pytest.fixture
def certificate(tmp_path):
    """Files with a certificate for localhost, and with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(built.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files


def test_a_certificate_is_checked(certificate, monkeypatch):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    with running(tls) as provider:
        named = provider.uri.replace("127.0.0.1", "localhost")
        with pytest.raises(FetchFailed, match="SSLCertVerificationError"):
            fetch(named)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert fetch(named).decode() == provider.jwks()
        with pytest.raises(FetchFailed, match="SSLCertVerificationError"):
            fetch(provider.uri)


def test_a_handshake_that_never_ends_is_left(monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchFailed):
        fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/keys")


@pytest.fixture
def resolver(monkeypatch):
    """`resolver(*addresses)`: what every host has for addresses, and the list of those connected to."""
    connected = []

    class Socket(socket.socket):
        def connect(self, address):
            connected.append(address[0])
            raise ConnectionRefusedError

    def answer(*addresses):
        def look_up(host, port, **_):
            return [
                (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
                for each in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setattr(fetching.socket, "socket", Socket)
        return connected

    return answer


@pytest.mark.parametrize(
    "uri", ["https://id.example.org/keys", "https://id.example.org:6443/keys", "https://public.example.org./k"]
)
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fe80::1%1", "fd00::1"])
def test_a_name_for_a_private_address_is_not_connected_to(resolver, uri, address):
    connected = resolver(address)
    with pytest.raises(FetchFailed):
        fetching.fetch(uri)
    assert connected == []
    with pytest.raises(FetchFailed):
        fetch(uri)
    assert connected == [address]


def test_of_several_addresses_the_public_ones_are_tried_and_nothing_is_resolved_again(resolver):
    connected = resolver("192.168.0.1", "93.184.215.14", "::ffff:10.0.0.1", "2606:2800:21f::1")
    with pytest.raises(FetchFailed, match="ConnectionRefusedError"):
        fetching.fetch("https://id.example.org/keys")
    assert connected == ["93.184.215.14", "2606:2800:21f::1"]


def test_plain_http_is_for_loopback_where_that_is_allowed(provider, resolver):
    with pytest.raises(FetchFailed):
        fetching.fetch(provider.uri)
    assert provider.asked == 0
    connected = resolver("93.184.215.14")
    for private in (True, False):
        with pytest.raises(FetchFailed):
            fetching.fetch("http://id.example.org/keys", private=private)
    assert connected == []


def test_a_name_that_is_never_resolved_is_left(monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.1)
    left = threading.Event()

    def hang(*_, **__):
        left.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(FetchFailed, match="TimeoutError"):
            fetching.fetch("https://id.example.org/keys")
    finally:
        left.set()
