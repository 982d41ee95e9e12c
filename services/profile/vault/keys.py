"""SSH private keys: generated, imported, and made to sign."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_CURVES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("ecdsa-sha2-nistp256", hashes.SHA256()),
    "secp384r1": ("ecdsa-sha2-nistp384", hashes.SHA384()),
    "secp521r1": ("ecdsa-sha2-nistp521", hashes.SHA512()),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}
_RSA_BITS = range(2048, 16385)


class KeyRefused(ValueError):  # noqa: N818 - says what is the matter
    """A key cannot be imported. The message says why, and the way out, and nothing of the key."""


def generate() -> PrivateKey:
    """A fresh Ed25519 key."""
    return ed25519.Ed25519PrivateKey.generate()


def parse(text: str) -> PrivateKey:
    """The private key in a text of OpenSSH or PEM form. Raises KeyRefused."""
    content = text.strip().encode() + b"\n"
    try:
        if b"BEGIN OPENSSH PRIVATE KEY" in content:
            return _accepted(serialization.load_ssh_private_key(content, password=None))
        return _accepted(serialization.load_pem_private_key(content, password=None))
    except TypeError:
        raise KeyRefused("is encrypted with a passphrase: import a copy without one, made by 'ssh-keygen -p'") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, KeyRefused):
            raise
        # The library's own words are left out: they could quote the key.
        raise KeyRefused("is no private key in OpenSSH or PEM form: send the whole file, not its .pub") from None


def _accepted(key: object) -> PrivateKey:
    match key:
        case ed25519.Ed25519PrivateKey():
            return key
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return key
        case rsa.RSAPrivateKey() if key.key_size in _RSA_BITS:
            return key
        case rsa.RSAPrivateKey():
            raise KeyRefused(f"is an RSA key of {key.key_size} bits: use 2048 to 16384, or better an Ed25519 key")
    raise KeyRefused("is of a kind not supported: use Ed25519, ECDSA on a NIST curve, or RSA")


def dump(key: PrivateKey) -> bytes:
    """The form in which a key is sealed: PKCS #8, DER."""
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)


def restore(private: bytes) -> PrivateKey:
    """The key that `dump` wrote."""
    return _accepted(serialization.load_der_private_key(private, password=None))


def public_blob(key: PrivateKey) -> bytes:
    """The public half as SSH sends it."""
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(line.split(b" ")[1])


def sign(key: PrivateKey, algorithm: str, data: bytes) -> bytes:
    """The signature blob of RFC 4253, section 6.6: the algorithm's name and the signature. `algorithm` fits the key."""
    return _string(algorithm.encode()) + _string(_signature(key, algorithm, data))


def _signature(key: PrivateKey, algorithm: str, data: bytes) -> bytes:
    match key:
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), _RSA_HASHES[algorithm])
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_CURVES[key.curve.name][1])))
    return _mpint(r) + _mpint(s)


def _mpint(number: int) -> bytes:
    """A positive number in SSH's form: a leading zero keeps its first bit from being read as a sign."""
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
