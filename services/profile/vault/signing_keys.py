"""The keys that access tokens are signed with: made, sealed, opened, and written as a JSON Web Key."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.profile.domain.signing_keys import SigningKey
from services.profile.vault import seal
from services.profile.vault.master import MasterKey

ALGORITHM = "EdDSA"
_NO_TENANT = ""


def make(master: MasterKey, generation: int, start_time_us: int) -> SigningKey:
    """A fresh key, sealed under the master key."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key_id = thumbprint(public)
    sealed = seal.seal(master, _NO_TENANT, key_id, private.private_bytes_raw())
    return SigningKey(key_id, generation, public, start_time_us, sealed)


def unseal(master: MasterKey, key: SigningKey) -> Ed25519PrivateKey:
    """The private half. Raises seal.SealBroken, also where it does not belong to the public one."""
    private = Ed25519PrivateKey.from_private_bytes(seal.unseal(master, _NO_TENANT, key.key_id, key.sealed))
    if private.public_key().public_bytes_raw() != key.public_key:
        raise seal.SealBroken(f"the stored signing key {key.key_id} has the public half of another")
    return private


def jwk(key_id: str, public_key: bytes) -> dict[str, str]:
    """The public half as RFC 8037 writes it."""
    return {"kty": "OKP", "crv": "Ed25519", "kid": key_id, "alg": ALGORITHM, "use": "sig", "x": _base64url(public_key)}


def thumbprint(public_key: bytes) -> str:
    """What names a key: the digest of RFC 7638."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public_key)}
    return _base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")
