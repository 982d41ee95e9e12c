"""Private keys sealed with AES-256-GCM under a data key of their own, which is wrapped by the master key."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.profile.domain.credentials import SealedKey
from services.profile.vault.master import MasterKey

_NONCE_LENGTH = 12
_DATA_KEY_BITS = 256


class SealBroken(Exception):  # noqa: N818 - says what is the matter
    """A sealed key does not belong to this master key, tenant and credential, or was changed."""


def seal(master: MasterKey, tenant: str, credential_id: str, private: bytes) -> SealedKey:
    """Seal a private key for one credential of one tenant."""
    data_key = AESGCM.generate_key(_DATA_KEY_BITS)
    return SealedKey(
        master_key_id=master.key_id,
        wrapped_data_key=_encrypt(master.key, data_key, _context("data-key", tenant, credential_id)),
        ciphertext=_encrypt(data_key, private, _context("private-key", tenant, credential_id)),
    )


def unseal(master: MasterKey, tenant: str, credential_id: str, sealed: SealedKey) -> bytes:
    """The private key. Raises SealBroken."""
    try:
        data_key = _decrypt(master.key, sealed.wrapped_data_key, _context("data-key", tenant, credential_id))
        return _decrypt(data_key, sealed.ciphertext, _context("private-key", tenant, credential_id))
    except (InvalidTag, ValueError):  # the latter for what is too short to be sealed at all
        raise SealBroken(f"the stored key of {credential_id} cannot be opened with {master!r}") from None


def _context(what: str, tenant: str, credential_id: str) -> bytes:
    """What a ciphertext is bound to. No part can hold a NUL, so no two contexts are alike."""
    return "\0".join(("vahana.profile.v1", what, tenant, credential_id)).encode()


def _encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def _decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], context)
