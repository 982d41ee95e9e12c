"""Which tokens are taken, and how often they are looked at."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.errors import TokenInvalid, TokenMissing, Unavailable
from services.chassis.rpc.access_tokens import AccessTokenVerifier, issued_here
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.keys import Keys
from tests.contract.tokens import KEY, jwk, minted, publish, signed

STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


class Clock:
    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def file(tmp_path):
    publish(tmp_path / "jwks.json")
    return tmp_path / "jwks.json"


@pytest.fixture
def verifier(file, clock):
    return AccessTokenVerifier(Keys(file, clock), clock=clock)


def test_a_good_token_is_its_identity(verifier):
    token = minted("ada", "default", ["admin"], scopes=["experiment:read"], tok="tok-1")
    identity = Identity("ada", "default", frozenset({"admin"}), frozenset({"experiment:read"}), "tok-1")
    assert verifier.verify(token) == identity
    assert verifier.verify(token) is verifier.verify(token)


def test_a_service_has_no_tenant(verifier):
    assert verifier.verify(minted("executor", "", ["service"])).tenant == ""


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"}, {"iss": None}, {"aud": "other"}, {"aud": None}, {"aud": ["vahana", "other"]},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"tenant": None}, {"tok": None}, {"roles": None}, {"roles": "admin"},
        {"roles": [1]}, {"scopes": None}, {"scopes": "*"}, {"iat": None}, {"exp": None}, {"exp": "2999-01-01"},
        {"exp": 1e400}, {"exp": 10**12}, {"iat": 0},
    ],
)  # fmt: skip
def test_claims_that_are_missing_or_not_for_here(verifier, claims):
    with pytest.raises(TokenInvalid):
        verifier.verify(minted("ada", "default", [], **claims))


@pytest.mark.parametrize(("issued", "good"), [(-303, True), (-306, False), (4, True), (6, False)])
def test_clocks_may_be_five_seconds_apart(verifier, clock, issued, good):
    at = int(clock.now) + issued
    token = minted("ada", "default", [], iat=at, exp=at + 300)
    if good:
        verifier.verify(token)
    else:
        with pytest.raises(TokenInvalid):
            verifier.verify(token)


def test_no_token_lives_longer_than_five_minutes(verifier, clock):
    at = int(clock.now)
    with pytest.raises(TokenInvalid):
        verifier.verify(minted("ada", "default", [], iat=at, exp=at + 301))


def test_what_was_checked_is_not_taken_beyond_its_end(verifier, clock):
    token = minted("ada", "default", [])
    verifier.verify(token)
    clock.now += 306
    with pytest.raises(TokenInvalid):
        verifier.verify(token)


def _parts(token):
    return token.split(".")


def _forgeries():
    claims = jwt.decode(minted("ada", "default", ["admin"]), options={"verify_signature": False})
    header, payload, signature = _parts(signed(claims))
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "of-the-tests"})
    public = KEY.public_key().public_bytes_raw() + b"padded to what is enough for HMAC"
    symmetric = jwt.encode(claims, public, algorithm="HS256", headers={"kid": "of-the-tests"})
    return {
        "a word": "secret",
        "dots": "...",
        "no signature": f"{header}.{payload}.",
        "another signature": f"{header}.{payload}.{_parts(signed(claims, STRANGER))[2]}",
        "a stranger's": signed(claims, STRANGER),
        "of a key not known": signed(claims, STRANGER, key_id="strange"),
        "without a key's name": jwt.encode(claims, KEY, algorithm="EdDSA"),
        "alg none": unsigned,
        "alg HS256": symmetric,
        "another payload": f"{header}.{_parts(minted('root', 'default', []))[1]}.{signature}",
        "too long": minted("a" * 9000, "default", []),
        "nested deeply": jwt.utils.base64url_encode(b'{"kid":' + b"[" * 5000).decode() + ".e30.e30",
        "not ASCII": "é.é.é",
        "surrogates": "\udcff.\udcff.\udcff",
        "claims that are a list": jwt.PyJWS().encode(b"[]", KEY, "EdDSA", {"kid": "of-the-tests"}),
        "claims that are no JSON": jwt.PyJWS().encode(b"{", KEY, "EdDSA", {"kid": "of-the-tests"}),
    }


FORGERIES = _forgeries()


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_tokens(verifier, what):
    with pytest.raises(TokenInvalid) as caught:
        verifier.verify(FORGERIES[what])
    assert caught.value.__cause__ is None, "a cause might repeat the token"
    assert FORGERIES[what] not in str(caught.value)


def test_no_token(verifier):
    with pytest.raises(TokenMissing):
        verifier.verify("")


def test_no_key_is_known_at_all(tmp_path, clock):
    keys = Keys(tmp_path / "none.json", clock)
    verifier = AccessTokenVerifier(keys, clock=clock)
    with pytest.raises(Unavailable):
        verifier.verify(minted("ada", "default", []))
    assert keys.wanted.is_set()
    with pytest.raises(TokenInvalid):
        verifier.verify("not.a.token")


def test_a_signature_is_checked_once(verifier, monkeypatch):
    token, checked = minted("ada", "default", []), []
    real = AccessTokenVerifier._signed_claims
    monkeypatch.setattr(AccessTokenVerifier, "_signed_claims", lambda self, t: checked.append(t) or real(self, t))
    for _ in range(5):
        verifier.verify(token)
    assert checked == [token]


def test_memory_is_bounded(file, clock):
    verifier = AccessTokenVerifier(Keys(file, clock), clock=clock, kept=3)
    for number in range(10):
        verifier.verify(minted(f"user-{number}", "default", []))
    assert len(verifier._checked) == 3


def test_what_a_key_signed_that_went_is_not_good_any_more(verifier, file, clock):
    token = minted("ada", "default", [])
    verifier.verify(token)
    file.write_text(json.dumps({"keys": [jwk(STRANGER, "next")]}))
    clock.now += 2
    with pytest.raises(TokenInvalid):
        verifier.verify(token)
    other = signed(jwt.decode(token, options={"verify_signature": False}), STRANGER, "next")
    assert verifier.verify(other).subject == "ada"


def test_a_new_key_is_found_at_once(verifier, file):
    verifier.verify(minted("ada", "default", []))
    file.write_text(json.dumps({"keys": [jwk(), jwk(STRANGER, "next")]}))
    claims = jwt.decode(minted("ada", "default", []), options={"verify_signature": False})
    assert verifier.verify(signed(claims, STRANGER, "next")).subject == "ada"


def test_a_file_half_written_changes_nothing(verifier, file, clock):
    token = minted("ada", "default", [])
    verifier.verify(token)
    for content in ("{ half a fi", "[]", '{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "short"}]}'):
        file.write_text(content)
        clock.now += 2
        assert verifier.verify(token).subject == "ada"
    file.unlink()
    clock.now += 2
    assert verifier.verify(token).subject == "ada"


def test_keys_of_other_kinds_are_passed_over(tmp_path, clock):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{"kty": "RSA", "kid": "rsa", "n": "x", "e": "AQAB"}, jwk()]}))
    keys = Keys(path, clock)
    assert keys.find("rsa") is None
    assert keys.find("of-the-tests") is not None


def test_telling_ours_from_others():
    assert issued_here(minted("ada", "default", []))
    assert not issued_here(minted("ada", "default", [], iss="https://accounts.example.org"))
    assert not any(issued_here(token) for token in ("", "a", "vht_abc", "a.b.c", "a.W10.c", "é.é.é"))
