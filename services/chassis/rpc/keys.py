"""The public keys that access tokens are verified with: from a file, and learned from profile."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.chassis.reread import RereadFile

LOOK_SECONDS = 1.0
"""How old what is known of the file may be while all keys asked for are known."""
_MAX_KEYS = 100


class Keys:
    """Keys by id. From any thread."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """`file`: a JSON Web Key Set, read again whenever it changes; it need not be there."""
        self._file = RereadFile(file)
        self._clock = clock
        self._lock = threading.Lock()
        self._look_at = float("-inf")
        self._of_file: dict[str, Ed25519PublicKey] = {}
        self._learned: dict[str, Ed25519PublicKey] = {}
        self._told: dict[str, bytes] = {}
        self.generation = 0
        """Raised whenever a key came or went."""
        self.wanted = threading.Event()
        """Set when a key was asked for that is not known."""

    def refresh(self) -> None:
        """Read the file if it changed; looks at it once a second at most."""
        if self._clock() >= self._look_at:
            self._look()

    def find(self, key_id: str) -> Ed25519PublicKey | None:
        """The key of that id. One that is not known is wanted from then on."""
        found = self._known(key_id)
        if found is None:
            self._look()
            found = self._known(key_id)
        if found is None:
            self.wanted.set()
        return found

    @property
    def empty(self) -> bool:
        """Whether no key is known at all."""
        return not self._of_file and not self._learned

    def learn(self, keys: Mapping[str, bytes]) -> None:
        """Know these keys, the raw 32 bytes by id, in place of those learned before. ValueError for anything else."""
        told = dict(list(keys.items())[:_MAX_KEYS])
        learned = {key_id: _key(raw) for key_id, raw in told.items()}
        with self._lock:
            if told != self._told:
                self._told, self._learned = told, learned
                self.generation += 1

    def _known(self, key_id: str) -> Ed25519PublicKey | None:
        return self._of_file.get(key_id) or self._learned.get(key_id)

    def _look(self) -> None:
        with self._lock:
            self._look_at = self._clock() + LOOK_SECONDS
            found = self._file.news(_parse)
            if found is not None:
                self._of_file = found
                # What is in the file now is newer than what was learned before: a key missing from it went.
                self._told, self._learned = {}, {}
                self.generation += 1


def _parse(content: bytes) -> dict[str, Ed25519PublicKey]:
    found: list[dict[str, Any]] = json.loads(content)["keys"]
    ours = [each for each in found if each.get("kty") == "OKP" and each.get("crv") == "Ed25519"]
    return {str(each["kid"]): _key(_unpadded(each["x"])) for each in ours[:_MAX_KEYS]}


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _key(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)
