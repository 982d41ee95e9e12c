"""Keys of providers: fetched within bounds, and kept."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.chassis.errors import Unavailable
from services.profile.oidc import fetch as fetching
from services.profile.oidc.fetch import LARGEST, FetchFailed, fetch
from services.profile.oidc.key_cache import FRESH_S, PAUSE_S, STALE_S, KeyCache
from tests.contract.profile.provider import Provider, running


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


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Place:
    """Counts how often it is asked."""

    def __init__(self):
        self.provider, self.asked, self.away = Provider(), 0, False

    def __call__(self, uri):
        self.asked += 1
        if self.away:
            raise FetchFailed("away")
        return self.provider.jwks().encode()

    def rotate(self, key_id):
        self.provider.keys = {key_id: next(iter(self.provider.keys.values()))}


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(place, clock):
    return KeyCache(place, clock)


def found(cache, key_id, uri="https://id.example.org/keys"):
    return [key.key_id for key in cache.find(uri, key_id)]


def test_keys_are_asked_for_every_ten_minutes(cache, place, clock):
    for _ in range(3):
        assert found(cache, "k1") == ["k1"]
    clock.now += FRESH_S - 1
    assert found(cache, "k1") == ["k1"]
    assert place.asked == 1
    clock.now += 1
    assert found(cache, "k1") == ["k1"]
    assert place.asked == 2


def test_an_unknown_key_is_asked_for_twice_a_minute_at_most(cache, place, clock):
    assert found(cache, "k2") == found(cache, "k3") == []
    assert place.asked == 1
    place.rotate("k2")
    clock.now += PAUSE_S - 1
    assert found(cache, "k2") == []
    clock.now += 1
    assert found(cache, "k2") == ["k2"]
    assert found(cache, "k1") == []
    assert place.asked == 2


def test_a_provider_away_is_gone_on_without(cache, place, clock):
    assert found(cache, "k1") == ["k1"]
    place.away = True
    clock.now += STALE_S
    assert found(cache, "k1") == ["k1"]
    assert found(cache, "k2") == []
    clock.now += 1
    with pytest.raises(Unavailable):
        found(cache, "k1")
    place.away = False
    clock.now += PAUSE_S
    assert found(cache, "k1") == ["k1"]


def test_a_provider_never_reached_is_asked_twice_a_minute_at_most(cache, place):
    place.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            found(cache, "k1")
    assert place.asked == 1


def test_places_are_kept_apart_and_forgotten(cache, place):
    for number in range(1001):
        found(cache, "k1", f"https://id.example.org/{number}")
    found(cache, "k1", "https://id.example.org/1000")
    assert place.asked == 1001
    found(cache, "k1", "https://id.example.org/0")
    assert place.asked == 1002


def test_a_slow_provider_holds_few_and_those_with_a_known_key_not_at_all(clock):
    begun, go_on, place = threading.Event(), threading.Event(), Place()

    def slow(uri):
        if place.asked:
            begun.set()
            assert go_on.wait(10)
        return place(uri)

    cache = KeyCache(slow, clock)
    assert found(cache, "k1") == ["k1"]
    clock.now += FRESH_S
    waiting = [threading.Thread(target=found, args=(cache, f"n{number}")) for number in range(8)]
    for thread in waiting:
        thread.start()
    assert begun.wait(10)
    while cache._waiting.acquire(blocking=False):
        cache._waiting.release()
    with pytest.raises(Unavailable, match="too many"):
        found(cache, "another")
    assert found(cache, "k1") == ["k1"]
    go_on.set()
    for thread in waiting:
        thread.join(10)
    assert place.asked == 2
