"""Access tokens: the short-lived JWTs that profile signs and every service takes."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.chassis.errors import TokenInvalid, TokenMissing, Unavailable
from services.chassis.recent import Recent
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.keys import Keys

ISSUER = "vahana"
AUDIENCE = "vahana"
ALGORITHM = "EdDSA"
LONGEST_SECONDS = 300
"""The longest life of an access token."""
LEEWAY_SECONDS = 5
"""How far clocks may be apart."""
MAX_TOKEN_LENGTH = 8192
"""No token is longer; whatever is, is refused unread."""
_KEPT = 10_000


class AccessTokenVerifier:
    """Checks signature and claims once a token, and remembers the outcome until the token's end. From any thread."""

    def __init__(self, keys: Keys, *, clock: Callable[[], float] = time.time, kept: int = _KEPT) -> None:
        """`kept` tokens at most are remembered, by their digests."""
        self.keys = keys
        self._clock = clock
        self._generation = keys.generation
        self._checked: Recent[bytes, Identity] = Recent(kept, clock)

    def verify(self, token: str) -> Identity:
        """The identity `token` was signed for; TokenMissing, TokenInvalid, Unavailable while no key is known."""
        if not token:
            raise TokenMissing
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenInvalid
        digest = token_digest(token)
        return self.remembered(digest) or self._check(token, digest)

    def remembered(self, digest: bytes) -> Identity | None:
        """The identity of a token that was checked before and is still good, by its digest."""
        self.keys.refresh()
        if self._generation != self.keys.generation:
            # What a key that went had signed is not good any more.
            self._generation = self.keys.generation
            self._checked.clear()
        return self._checked.get(digest)

    def _check(self, token: str, digest: bytes) -> Identity:
        claims = self._signed_claims(token)
        end = _end(claims, self._clock())
        identity = _identity(claims, end)
        self._checked.put(digest, identity, end)
        return identity

    def _signed_claims(self, token: str) -> dict[str, Any]:
        # Imported with the first token: a service should answer health before it has loaded this.
        import jwt  # noqa: PLC0415

        try:
            key = self._key(_key_id(jwt.get_unverified_header(token)))
            signed = jwt.PyJWS().decode_complete(token, key, algorithms=[ALGORITHM])
            claims = json.loads(signed["payload"])
        except (jwt.PyJWTError, ValueError, RecursionError):
            # Nothing of the token goes into the refusal, its cause included.
            raise TokenInvalid from None
        if not isinstance(claims, dict):
            raise TokenInvalid
        return claims

    def _key(self, key_id: str) -> Ed25519PublicKey:
        key = self.keys.find(key_id)
        if key is not None:
            return key
        if self.keys.empty:
            raise Unavailable("no key to verify tokens with is known here yet; profile has not answered")
        raise TokenInvalid


def token_digest(token: str) -> bytes:
    """By which a token is remembered: what is kept in memory lets nobody in."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def issued_here(token: str) -> bool:
    """Whether a token claims to be an access token; true or not."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return False
    return isinstance(claims, dict) and claims.get("iss") == ISSUER


def _key_id(header: dict[str, Any]) -> str:
    key_id = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(key_id, str):
        raise TokenInvalid
    return key_id


def _end(claims: dict[str, Any], now: float) -> float:
    """Until when the token is taken; TokenInvalid where it is not for here or not for now."""
    issued, end = claims.get("iat"), claims.get("exp")
    if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE:
        raise TokenInvalid
    if not isinstance(issued, int) or not isinstance(end, int) or issued > now + LEEWAY_SECONDS:
        raise TokenInvalid
    if not 0 < end - issued <= LONGEST_SECONDS or now >= end + LEEWAY_SECONDS:
        raise TokenInvalid
    return end + LEEWAY_SECONDS


def _identity(claims: dict[str, Any], end: float) -> Identity:
    texts = [claims.get(name) for name in ("sub", "tenant", "tok")]
    lists = [claims.get(name) for name in ("roles", "scopes")]
    if not all(isinstance(text, str) for text in texts) or not texts[0]:
        raise TokenInvalid
    if not all(isinstance(each, list) and all(isinstance(one, str) for one in each) for each in lists):
        raise TokenInvalid
    subject, tenant, token_id = map(str, texts)
    roles, scopes = (frozenset(each or ()) for each in lists)
    return Identity(subject, tenant, roles, scopes, token_id, end)
