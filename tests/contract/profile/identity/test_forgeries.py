"""Tokens that nobody should get in with."""

import base64
import hashlib
import hmac
import json
import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.contract.profile.provider import claims_of, public_jwk

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def encoded(content):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def pem(provider):
    public = provider.keys["k1"].public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def symmetric(provider, algorithm, secret):
    """Signed by hand, as the library refuses to take a public key for a secret."""
    digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[algorithm]
    signed = f"{encoded({'alg': algorithm, 'kid': 'k1', 'typ': 'JWT'})}.{encoded(provider.claims())}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), digest).digest())}"


def unsigned(provider, algorithm, signature=""):
    return f"{encoded({'alg': algorithm, 'kid': 'k1'})}.{encoded(provider.claims())}.{signature}"


def headed(provider, **header):
    """A good signature under a header that says more, or less."""
    said = {"alg": "RS256", "kid": "k1", **header}
    return jwt.encode(provider.claims(), provider.keys["k1"], algorithm="RS256", headers=said)


def later(seconds):
    return int(time.time()) + seconds


FORGED = {
    "alg none": lambda p: unsigned(p, "none"),
    "alg None": lambda p: unsigned(p, "None"),
    "alg none, with a signature": lambda p: unsigned(p, "none", p.token().split(".")[2]),
    "no alg": lambda p: f"{encoded({'kid': 'k1'})}.{encoded(p.claims())}.AAAA",
    "no signature": lambda p: p.token().rsplit(".", 1)[0] + ".",
    "HS256 with the public key": lambda p: symmetric(p, "HS256", pem(p)),
    "HS256 with the modulus": lambda p: symmetric(p, "HS256", public_jwk(p.keys["k1"], "k1")["n"].encode()),
    "HS256 with nothing": lambda p: symmetric(p, "HS256", b""),
    "HS512 with the public key": lambda p: symmetric(p, "HS512", pem(p)),
    "an algorithm that is not allowed": lambda p: p.token(alg="RS512"),
    "another padding than allowed": lambda p: p.token(alg="PS256"),
    "an elliptic signature under an RSA key": lambda p: p.token(key=ELLIPTIC, alg="ES256"),
    "an Edwards signature under an RSA key": lambda p: p.token(key=EDWARDS, alg="EdDSA"),
    "a stranger's key under a known kid": lambda p: p.token(key=STRANGER),
    "an unknown kid": lambda p: p.token(key=p.keys["k1"], kid="k9"),
    "no kid": lambda p: jwt.encode(p.claims(), p.keys["k1"], algorithm="RS256"),
    "a key of its own in the header": lambda p: jwt.encode(
        p.claims(), STRANGER, algorithm="RS256", headers={"kid": "k1", "jwk": public_jwk(STRANGER, "k1")}
    ),
    "a place of keys of its own": lambda p: jwt.encode(
        p.claims(), STRANGER, algorithm="RS256", headers={"kid": "k1", "jku": "http://127.0.0.1:1/"}
    ),
    "an extension nobody knows": lambda p: headed(p, crit=["exp"], exp=1),
    "wrong iss": lambda p: p.token(iss="https://id.example.com"),
    "iss with a slash": lambda p: p.token(iss=p.issuer + "/"),
    "no iss": lambda p: p.token(iss=None),
    "wrong aud": lambda p: p.token(aud="elsewhere"),
    "no aud": lambda p: p.token(aud=None),
    "aud of another kind": lambda p: p.token(aud={"vahana": True}),
    "expired": lambda p: p.token(exp=later(-1)),
    "no exp": lambda p: p.token(exp=None),
    "exp is a text": lambda p: p.token(exp="tomorrow"),
    "exp is beyond all time": lambda p: p.token(exp=10**30),
    "nbf in the future": lambda p: p.token(nbf=later(120)),
    "iat in the future": lambda p: p.token(iat=later(120)),
    "no iat": lambda p: p.token(iat=None),
    "no sub": lambda p: p.token(sub=None),
    "an empty sub": lambda p: p.token(""),
    "truncated": lambda p: p.token()[:-10],
    "truncated in its payload": lambda p: p.token()[:60],
    "another payload": lambda p: ".".join(
        (p.token().split(".")[0], encoded(p.claims("another")), p.token().split(".")[2])
    ),
    "a letter of its signature": lambda p: _changed(p.token()),
    "a part too many": lambda p: p.token() + ".AAAA",
    "spaces within": lambda p: p.token().replace(".", " ."),
    "the mesh's issuer": lambda p: p.token(iss="vahana"),
    "the mesh's claims": lambda p: p.token(iss="vahana", tenant="default", roles=["operator"], scopes=["*"], tok=""),
}


def _changed(token):
    head, payload, signature = token.split(".")
    return f"{head}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


@pytest.fixture
def no_one(show, refused):
    """`no_one(token)`: it is refused by every call."""

    def check(token):
        for call in (show(token).exchange, show(token).caller, show(token).keys):
            with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID") as told:
                call()
            assert told.message == "the token is not known here, or no longer valid"

    return check


def test_no_forged_login_gets_in(show, provider, trust, no_one):
    trust()
    assert len(FORGED) >= 20
    assert show(provider.token()).caller().subject == "grace"
    for what, forge in FORGED.items():
        token = forge(provider)
        try:
            no_one(token)
        except BaseException as error:
            error.add_note(what)
            raise
    assert show(provider.token()).caller().subject == "grace"


def test_another_tenants_provider_vouches_for_its_own_alone(show, provider, trust, other_tenant, no_one):
    trust("other", audience="others")
    no_one(provider.token())
    assert show(provider.token(aud="others", tenant="default", roles=["admin"])).caller().tenant == "other"


def test_an_algorithm_allowed_does_not_make_a_key_fit(provider, trust, no_one):
    trust(algorithms=["ES256", "EdDSA", "PS256"])
    no_one(provider.token())
    no_one(provider.token(key=ELLIPTIC, alg="ES256"))
    no_one(provider.token(key=EDWARDS, alg="EdDSA"))


API_TOKENS = {
    "another secret": lambda made: made.token[:-1] + ("a" if made.token[-1] != "a" else "b"),
    "a shorter secret": lambda made: made.token[:-1],
    "a longer secret": lambda made: made.token + "a",
    "no secret": lambda made: f"vht_{made.api_token.token_id}_",
    "the id alone": lambda made: f"vht_{made.api_token.token_id}",
    "another id": lambda made: made.token.replace(made.api_token.token_id, "tok-01arz3ndektsv4rrffq69g5fav"),
    "its digest": lambda made: f"vht_{made.api_token.token_id}_{hashlib.sha256(made.token.encode()).hexdigest()}",
    "capitals": lambda made: made.token.upper(),
    "the mark alone": lambda made: "vht_",
    "no mark": lambda made: made.token.removeprefix("vht_"),
}


@pytest.mark.parametrize("what", API_TOKENS)
def test_no_forged_api_token_gets_in(api_token, no_one, what):
    no_one(API_TOKENS[what](api_token()))


def test_a_digest_of_the_first_start_off_by_one_is_nobodys(profile, show, no_one):
    path = profile.chassis.settings.identities_file
    kept = json.loads(path.read_text())
    for entry in kept["identities"]:
        entry["token_sha256"] = f"{int(entry['token_sha256'], 16) ^ 1:064x}"
    path.write_text(json.dumps(kept))
    no_one("token-executor")
    no_one("token-admin")


def test_no_forged_access_token_is_exchanged(show, no_one):
    good = show("token-admin").exchange().access_token
    claims, header = claims_of(good), jwt.get_unverified_header(good)
    no_one(jwt.encode(claims, EDWARDS, algorithm="EdDSA", headers={"kid": header["kid"]}))
    no_one(jwt.encode(claims, EDWARDS, algorithm="EdDSA", headers={"kid": "another"}))
    no_one(f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}.")
    no_one(_changed(good))
    assert show(good).caller().subject == "admin"
