"""The tokens there are before there is anything else: the first administrator's and the services' own."""

import hashlib
import hmac
import json
import threading
from pathlib import Path

from services.chassis.reread import RereadFile
from services.chassis.rpc.auth import Identity


class Bootstrap:
    """Tells whose such a token is, from a file of digests that is read again whenever it changes."""

    def __init__(self, identities_file: Path) -> None:
        self._file = RereadFile(identities_file)
        self._lock = threading.Lock()
        self._by_digest: dict[bytes, Identity] = {}

    def find(self, token: str) -> Identity | None:
        """The identity behind `token`, told in a time that depends on how many there are alone."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for known, identity in self._identities().items():
            if hmac.compare_digest(known, digest):
                found = identity
        return found

    def _identities(self) -> dict[bytes, Identity]:
        with self._lock:
            found = self._file.news(_parse)
            if found is not None:
                self._by_digest = found
            return self._by_digest


def _parse(content: bytes) -> dict[bytes, Identity]:
    entries = json.loads(content)["identities"]
    return {
        bytes.fromhex(entry["token_sha256"]): Identity(entry["subject"], entry["tenant"], frozenset(entry["roles"]))
        for entry in entries
    }
