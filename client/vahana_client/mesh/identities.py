"""Random tokens: one for the administrator, one for each service."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from vahana_client.home import Home
from vahana_client.mesh.ports import SERVICES
from vahana_client.mesh.record import write_whole


def ensure_identities(home: Home) -> None:
    """Writes each identity's token (mode 0600) and the digests by which services know them; those there stay."""
    known = _read(home)
    subjects = {one["subject"] for one in known}
    added = [
        {**identity, "token_sha256": _new_token(home, identity["subject"])}
        for identity in _wanted()
        if identity["subject"] not in subjects
    ]
    if added:
        write_whole(home.identities_file, json.dumps({"identities": known + added}, indent=2) + "\n")


def _wanted() -> list[dict[str, Any]]:
    admin = {"subject": "admin", "tenant": "default", "roles": ["admin", "operator"]}
    return [admin, *({"subject": name, "tenant": "", "roles": ["service"]} for name in SERVICES)]


def _read(home: Home) -> list[dict[str, Any]]:
    if not home.identities_file.exists():
        return []
    identities: list[dict[str, Any]] = json.loads(home.identities_file.read_text())["identities"]
    return identities


def _new_token(home: Home, subject: str) -> str:
    """Writes a new token and returns its SHA-256."""
    token = secrets.token_urlsafe(32)
    write_whole(home.token_file(subject), token + "\n")
    return hashlib.sha256(token.encode()).hexdigest()
