"""JSON Web Tokens as they are shown: taken apart, and their signatures verified."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import jwt

from services.chassis.errors import TokenInvalid
from services.profile.oidc.keys import Key

_LONGEST = 16 * 1024
_UNVERIFIED: Any = {"verify_signature": False}


@dataclass(frozen=True)
class Shown:
    """What a token says of itself, which is nothing but a claim until its signature is verified."""

    token: str = field(repr=False)
    algorithm: str
    key_id: str
    claims: dict[str, Any] = field(repr=False)

    def signed_by(self, keys: Iterable[Key]) -> bool:
        """Whether one of the keys fits its algorithm and has signed it."""
        return any(_verifies(self.token, self.algorithm, key) for key in keys if key.fits(self.algorithm))


def read(token: str) -> Shown:
    """Take a token apart. Raises TokenInvalid where it is no JWT, or lacks what ours and the providers' all have."""
    if len(token) > _LONGEST or not token.isascii():
        raise TokenInvalid
    try:
        parts = jwt.PyJWS().decode_complete(token, options=_UNVERIFIED)
        claims = json.loads(parts["payload"])
    except (jwt.PyJWTError, ValueError, RecursionError):
        # No cause: it could quote the token.
        raise TokenInvalid from None
    algorithm, key_id = parts["header"].get("alg"), parts["header"].get("kid")
    if not (isinstance(algorithm, str) and isinstance(key_id, str) and isinstance(claims, dict)):
        raise TokenInvalid
    return Shown(token, algorithm, key_id, claims)


def _verifies(token: str, algorithm: str, key: Key) -> bool:
    try:
        jwt.PyJWS().decode_complete(token, key.public, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True
