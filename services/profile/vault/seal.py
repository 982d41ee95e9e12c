"""Secrets sealed with AES-256-GCM under a data key of their own, which is wrapped by the master key."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.profile.domain.credentials import SealedKey
from services.profile.vault.master import MasterKey

_NONCE_LENGTH = 12
_DATA_KEY_BITS = 256


class SealBroken(Exception):  # noqa: N818 - says what is the matter
    """A sealed key does not belong to this master key, tenant and row, or was changed."""


def seal(master: MasterKey, tenant: str, sealed_id: str, private: bytes) -> SealedKey:
    """Seal a secret for the row of that id, such as a credential's private key, of one tenant, "" for none."""
    data_key = AESGCM.generate_key(_DATA_KEY_BITS)
    return SealedKey(
        master_key_id=master.key_id,
        wrapped_data_key=_encrypt(master.key, data_key, _context("data-key", tenant, sealed_id)),
        ciphertext=_encrypt(data_key, private, _context("private-key", tenant, sealed_id)),
    )


def unseal(master: MasterKey, tenant: str, sealed_id: str, sealed: SealedKey) -> bytes:
    """What was sealed. Raises SealBroken."""
    try:
        data_key = _decrypt(master.key, sealed.wrapped_data_key, _context("data-key", tenant, sealed_id))
        return _decrypt(data_key, sealed.ciphertext, _context("private-key", tenant, sealed_id))
    except (InvalidTag, ValueError):  # the latter for what is too short to be sealed at all
        raise SealBroken(f"what is sealed for {sealed_id} cannot be opened with {master!r}") from None


def rewrap(old: MasterKey, new: MasterKey, tenant: str, sealed_id: str, wrapped: bytes) -> bytes:
    """A data key, wrapped by another master key. Raises SealBroken."""
    context = _context("data-key", tenant, sealed_id)
    try:
        return _encrypt(new.key, _decrypt(old.key, wrapped, context), context)
    except (InvalidTag, ValueError):
        raise SealBroken(f"the data key of {sealed_id} cannot be opened with {old!r}") from None


def _context(what: str, tenant: str, sealed_id: str) -> bytes:
    """What a ciphertext is bound to. No part can hold a NUL, so no two contexts are alike."""
    return "\0".join(("vahana.profile.v1", what, tenant, sealed_id)).encode()


def _encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def _decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], context)
