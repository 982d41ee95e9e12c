"""Key sets of providers, and the tokens signed with them."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from services.chassis.errors import TokenInvalid
from services.profile.oidc.keys import KeyRefused, parse
from services.profile.oidc.tokens import read

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
P256, P384, P521 = (ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
K1 = ec.generate_private_key(ec.SECP256K1())
ED = ed25519.Ed25519PrivateKey.generate()
ED448 = ed448.Ed448PrivateKey.generate()
KEYS = {"rsa": RSA, "p256": P256, "p384": P384, "p521": P521, "ed": ED}
FIT = {
    "rsa": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "p256": {"ES256"},
    "p384": {"ES384"},
    "p521": {"ES512"},
    "ed": {"EdDSA"},
}
ALGORITHMS = sorted(set.union(*FIT.values()))


def jwk(key, kid="k", **more):
    algorithm = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next((name for kind, name in algorithm.items() if isinstance(key, kind)), "EdDSA")
    entry = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    entry.pop("key_ops", None)
    return {**entry, "kid": kid, **more}


def keys(*entries, strict=True):
    return parse(json.dumps({"keys": list(entries)}), strict=strict)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_fits_the_algorithms_of_its_kind_alone(name):
    (key,) = keys(jwk(KEYS[name]))
    assert {each for each in [*ALGORITHMS, "none", "HS256", "HS512", "ES256K", ""] if key.fits(each)} == FIT[name]


def test_a_key_for_one_algorithm_fits_no_other():
    (key,) = keys(jwk(RSA, alg="PS256"))
    assert [each for each in ALGORITHMS if key.fits(each)] == ["PS256"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_verified(algorithm):
    name = next(name for name, fit in FIT.items() if algorithm in fit)
    token = jwt.encode({"a": 1}, KEYS[name], algorithm=algorithm, headers={"kid": "k"})
    shown = read(token)
    assert (shown.algorithm, shown.key_id, shown.claims) == (algorithm, "k", {"a": 1})
    assert shown.signed_by(keys(jwk(KEYS[name])))
    assert not shown.signed_by(
        keys(jwk(rsa.generate_private_key(65537, 2048)), jwk(ec.generate_private_key(ec.SECP256R1())))
    )
    head, _, signature = token.split(".")
    other = base64.urlsafe_b64encode(b'{"a":2}').decode().rstrip("=")
    assert not read(f"{head}.{other}.{signature}").signed_by(keys(jwk(KEYS[name])))


REFUSED = {
    "no object": ([1], "is no object"),
    "symmetric": ([{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}], "holds a secret"),
    "private": ([jwk(RSA, d="AQAB")], "holds a secret"),
    "of no type": ([{"kid": "k"}], "of no type supported"),
    "without an id": ([jwk(RSA, kid="")], "has no 'kid'"),
    "for encryption": ([jwk(RSA, use="enc")], "not for signatures"),
    "small": ([jwk(SMALL)], "of another size"),
    "of a huge exponent": ([jwk(RSA, e=base64.urlsafe_b64encode(b"\x01" * 100).decode())], "of another size"),
    "on a strange curve": ([{**jwk(K1), "crv": "secp256k1"}], "on no curve"),
    "on a strange Edwards curve": ([jwk(ED448)], "on no curve"),
    "off its curve": ([{**jwk(P256), "y": jwk(P256)["x"]}], "is malformed"),
    "on another curve than it says": ([{**jwk(P384), "crv": "P-256"}], "is malformed"),
    "too short": ([{**jwk(ED), "x": "AAAA"}], "is malformed"),
    "no base64": ([{**jwk(ED), "x": "!!!!"}], "no base64url"),
    "numbers": ([{**jwk(RSA), "n": 12}], "has no 'n'"),
    "of an algorithm that is no word": ([jwk(RSA, alg=["RS256"])], "not for signatures"),
    "second": ([jwk(RSA), 1], "keys[1] is no object"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_key_that_is_no_good_is_refused_and_passed_over(what):
    entries, told = REFUSED[what]
    with pytest.raises(KeyRefused) as refused:
        keys(*entries)
    assert told in str(refused.value)
    assert len(keys(*entries, strict=False)) == len(entries) - 1


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"keys": {}}', '{"keys": []}', "null", "[" * 100_000, '{"keys": [' + "1," * 100 + "1]}"],
)
def test_what_is_no_key_set_is_refused(document):
    for strict in (True, False):
        with pytest.raises(KeyRefused):
            parse(document, strict=strict)


def token(header, payload=b"{}", signature="AAAA"):
    return ".".join((*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (header, payload)), signature))


GOOD_HEAD = b'{"alg":"RS256","kid":"k"}'


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "a.b.c",
        "..",
        "ä.ö.ü",
        token(b"{}"),
        token(b"[]"),
        token(b'{"alg":"RS256"}'),
        token(b'{"alg":[],"kid":"k"}'),
        token(b'{"alg":"RS256","kid":7}'),
        token(b'{"alg":"RS256","kid":"k","crit":["x"],"x":1}'),
        token(b'{"alg":"RS256","kid":"k","crit":["b64"],"b64":false}'),
        token(GOOD_HEAD, b"[]"),
        token(GOOD_HEAD, b"\xff"),
        token(GOOD_HEAD, b"[" * 9000),
        token(GOOD_HEAD, b'{"a":' + b"9" * 5000 + b"}"),
        token(GOOD_HEAD, b"{" + b" " * 20_000 + b"}"),
    ],
)
def test_what_is_no_token_is_refused(shown):
    with pytest.raises(TokenInvalid) as refused:
        read(shown)
    assert refused.value.__cause__ is None
