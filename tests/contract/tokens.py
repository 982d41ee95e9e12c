"""Access tokens as profile would sign them, by a key of the tests' own."""

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_ID = "of-the-tests"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def minted(subject: str, tenant: str, roles: list[str], /, **other: Any) -> str:
    """A token signed with KEY; `other` claims replace those it has by default, and None takes one away."""
    issued = int(time.time())
    claims = {
        "iss": "vahana",
        "aud": "vahana",
        "sub": subject,
        "tenant": tenant,
        "roles": roles,
        "scopes": ["*"],
        "tok": "",
        "iat": issued,
        "exp": issued + 300,
        "jti": uuid.uuid4().hex,
        **other,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return signed(present)


def signed(claims: dict[str, Any], key: Any = KEY, key_id: str = KEY_ID, algorithm: str = "EdDSA") -> str:
    """These very claims as a JWT."""
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id})


def jwk(key: Ed25519PrivateKey = KEY, key_id: str = KEY_ID) -> dict[str, str]:
    """The public half of a key, as in profile's file."""
    raw = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "kid": key_id, "alg": "EdDSA", "use": "sig", "x": raw}


def publish(path: Path) -> None:
    """Have KEY among the keys of a file, beside those that are there."""
    keys = json.loads(path.read_text())["keys"] if path.exists() else []
    if any(each["kid"] == KEY_ID for each in keys):
        return
    fresh = path.with_name(f"{path.name}.tests")
    fresh.write_text(json.dumps({"keys": [*keys, jwk()]}))
    fresh.replace(path)
