"""JSON Web Key Sets: the public keys in one, and which signature algorithm each of them fits."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)
_LARGEST_EXPONENT = 2**32
_CURVES: dict[str, EllipticCurve] = {"P-256": SECP256R1(), "P-384": SECP384R1(), "P-521": SECP521R1()}
_CURVE_OF = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


class KeyRefused(ValueError):  # noqa: N818 - says what is the matter
    """A key, or a whole set, cannot be used. The message says why, and nothing of the key."""


@dataclass(frozen=True)
class Key:
    """One public key of a set."""

    key_id: str
    algorithm: str
    """The one algorithm it is for; "" where the set does not say."""
    public: PublicKey

    def fits(self, algorithm: str) -> bool:
        """Whether signatures of that algorithm may be verified with it."""
        if self.algorithm not in ("", algorithm):
            return False
        match self.public:
            case RSAPublicKey():
                return algorithm[:2] in ("RS", "PS")
            case EllipticCurvePublicKey():
                return _CURVE_OF.get(algorithm) == self.public.curve.name
        return algorithm == "EdDSA"


def parse(document: str | bytes, *, strict: bool) -> tuple[Key, ...]:
    """The keys of a set. Raises KeyRefused for what is no set, and if `strict` for the first key that is no good."""
    found: list[Key] = []
    for index, entry in enumerate(_entries(document)):
        try:
            found.append(_key(entry))
        except KeyRefused as refused:
            if strict:
                raise KeyRefused(f"keys[{index}] {refused}") from None
    return tuple(found)


def _entries(document: str | bytes) -> list[Any]:
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        raise KeyRefused("is no JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_KEYS:
        raise KeyRefused(f"must be an object whose member 'keys' lists 1 to {_MOST_KEYS} keys")
    return entries


def _key(entry: object) -> Key:
    if not isinstance(entry, dict):
        raise KeyRefused("is no object")
    if any(member in entry for member in _PRIVATE_MEMBERS):
        raise KeyRefused("holds a secret: give public keys alone, and replace that one, which is secret no more")
    key_id, algorithm = entry.get("kid"), entry.get("alg", "")
    if not isinstance(key_id, str) or not key_id:
        raise KeyRefused("has no 'kid'")
    if entry.get("use", "sig") != "sig" or not isinstance(algorithm, str):
        raise KeyRefused("is not for signatures")
    make = _MAKERS.get(str(entry.get("kty")))
    if make is None:
        raise KeyRefused("is of no type supported, which are RSA, EC and OKP")
    try:
        return Key(key_id, algorithm, make(entry))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRefused(str(error) if isinstance(error, KeyRefused) else "is malformed") from None


def _rsa(entry: Mapping[str, Any]) -> PublicKey:
    modulus, exponent = _number(entry, "n"), _number(entry, "e")
    if modulus.bit_length() not in _RSA_BITS or exponent > _LARGEST_EXPONENT:
        raise KeyRefused("is an RSA key of another size than 2048 to 8192 bits, or of a huge exponent")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _elliptic(entry: Mapping[str, Any]) -> PublicKey:
    curve = _CURVES.get(str(entry.get("crv")))
    if curve is None:
        raise KeyRefused("is on no curve supported, which are P-256, P-384 and P-521")
    return EllipticCurvePublicNumbers(_number(entry, "x"), _number(entry, "y"), curve).public_key()


def _edwards(entry: Mapping[str, Any]) -> PublicKey:
    if entry.get("crv") != "Ed25519":
        raise KeyRefused("is on no curve supported, which is Ed25519")
    return Ed25519PublicKey.from_public_bytes(_octets(entry, "x"))


_MAKERS: dict[str, Callable[[Mapping[str, Any]], PublicKey]] = {"RSA": _rsa, "EC": _elliptic, "OKP": _edwards}


def _number(entry: Mapping[str, Any], member: str) -> int:
    return int.from_bytes(_octets(entry, member), "big")


def _octets(entry: Mapping[str, Any], member: str) -> bytes:
    text = entry.get(member)
    if not isinstance(text, str) or not text.isascii():
        raise KeyRefused(f"has no '{member}'")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise KeyRefused(f"has a '{member}' that is no base64url") from None
