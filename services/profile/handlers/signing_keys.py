"""The keys of the mesh at work: access tokens are signed, keys follow one another and are made known."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis import clock, log
from services.chassis.db import Database, Tx
from services.chassis.errors import TokenInvalid, Unavailable
from services.chassis.ids import new_id
from services.chassis.rpc.access_tokens import AUDIENCE, ISSUER
from services.chassis.rpc.auth import Identity
from services.profile.domain import signing_keys as rules
from services.profile.domain.signing_keys import SigningKey
from services.profile.storage import signing_keys as storage
from services.profile.vault import jwks_file
from services.profile.vault import signing_keys as vault
from services.profile.vault.master import MasterKey, MasterKeyError
from services.profile.vault.seal import SealBroken

LOOK_S = 60.0
"""How often it is seen to that keys follow one another."""
_SECOND_US = 1_000_000

_log = log.get(__name__)


@dataclass(frozen=True)
class AccessToken:
    """A token that every service of the mesh takes."""

    token: str = field(repr=False)
    expire_time_us: int


@dataclass(frozen=True)
class _Ring:
    """All keys, and the private halves of those that sign, now or next."""

    keys: tuple[SigningKey, ...] = ()
    opened: Mapping[str, Ed25519PrivateKey] = field(default_factory=dict, repr=False)

    def able(self) -> list[SigningKey]:
        """The keys that can sign when it is their time."""
        return [key for key in self.keys if key.key_id in self.opened]


class SigningKeys:
    """Signs access tokens, and keeps the keys for that. From any thread, after the first `refresh`."""

    def __init__(self, db: Database, master: MasterKey, file: Path, now_us: Callable[[], int] = clock.now_us) -> None:
        """`file`: where the public halves are published."""
        self._db = db
        self._master = master
        self._file = file
        self._now_us = now_us
        self._ring = _Ring()

    def mint(self, identity: Identity, not_after_us: int | None = None) -> AccessToken:
        """A token for `identity`, good for five minutes or until `not_after_us`. TokenInvalid where that is over."""
        now, ring = self._now_us(), self._ring
        key = rules.present(ring.able(), now)
        if key is None:
            raise Unavailable("there is no key to sign with")
        latest = now + rules.TOKEN_LIFETIME_US
        end_us = latest if not_after_us is None else min(latest, not_after_us)
        issued, end = now // _SECOND_US, end_us // _SECOND_US
        if end <= issued:
            raise TokenInvalid
        claims = _claims(identity, issued, end)
        signed = jwt.encode(claims, ring.opened[key.key_id], vault.ALGORITHM, {"kid": key.key_id})
        return AccessToken(signed, end * _SECOND_US)

    def public(self) -> list[tuple[SigningKey, int | None]]:
        """The keys that tokens are verified with, the oldest first, and when those no longer in use expire."""
        now, keys = self._now_us(), self._ring.keys
        return [(key, rules.expire_time(key, keys, now)) for key in keys]

    def refresh(self) -> None:
        """Make the keys that are due, drop those that are gone, and publish.

        Raises Unavailable, OSError, and MasterKeyError where another process seals them with a master key of its own.
        """
        now = self._now_us()
        with self._db.read() as tx:
            keys = storage.every(tx)
        if rules.gone(keys, now) or rules.next_start(self._opened(keys, now).able(), now) is not None:
            with self._db.write() as tx:
                keys = self._follow(tx, now)
        ring = self._opened(keys, now)
        # Published before any of them signs.
        jwks_file.write(self._file, [vault.jwk(key.key_id, key.public_key) for key in keys])
        self._ring = ring

    def _follow(self, tx: Tx, now: int) -> list[SigningKey]:
        keys = storage.every(tx)
        gone = rules.gone(keys, now)
        for key in gone:
            storage.remove(tx, key.key_id)
        keys = [key for key in keys if key not in gone]
        start = rules.next_start(self._opened(keys, now).able(), now)
        if start is not None:
            self._require_own(keys)
            storage.insert(tx, vault.make(self._master, keys[-1].generation + 1 if keys else 1, start))
        return storage.every(tx)

    def _opened(self, keys: Sequence[SigningKey], now: int) -> "_Ring":
        """The keys, and those that sign opened: but one that was tampered with, for which another is to be made."""
        opened = dict(self._ring.opened)
        signing = [key for key in keys if rules.expire_time(key, keys, now) is None]
        self._require_own([key for key in signing if key.key_id not in opened])
        for key in signing:
            try:
                opened[key.key_id] = opened.get(key.key_id) or vault.unseal(self._master, key)
            except SealBroken as broken:
                _log.warning("a signing key cannot be used", error=str(broken))
        return _Ring(tuple(keys), {key.key_id: opened[key.key_id] for key in signing if key.key_id in opened})

    def _require_own(self, keys: Sequence[SigningKey]) -> None:
        """Raise MasterKeyError for keys under another master key: one made beside them would be of no use there."""
        others = {key.sealed.master_key_id for key in keys} - {self._master.key_id}
        if others:
            raise MasterKeyError(
                f"signing keys are sealed with master key {', '.join(sorted(others))} and this process has"
                f" {self._master.key_id}: every replica needs the same one"
            )

    def run(self, stop: threading.Event) -> None:
        """Refresh now and then until `stop` is set; what fails is tried again, as a day is left for it."""
        while not stop.wait(LOOK_S):
            try:
                self.refresh()
            except (Unavailable, OSError) as error:
                _log.warning("signing keys not refreshed", error=str(error))


def _claims(identity: Identity, issued: int, end: int) -> dict[str, object]:
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": identity.subject,
        "tenant": identity.tenant,
        "roles": sorted(identity.roles),
        "scopes": sorted(identity.scopes),
        "tok": identity.token_id,
        "iat": issued,
        "exp": end,
        "jti": new_id("at"),
    }
