"""API tokens: what they look like, what they may be used for, and for how long."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.profile.domain.violations import Violation

ID_PREFIX = "tok"
MOST_LIVE = 100
"""API tokens of one user that are neither revoked nor expired."""
MOST_ENDED = 100
"""Ended ones that are kept beside them, to be looked up."""
DEFAULT_LIFETIME_US = 90 * 24 * 3600 * 1_000_000
LONGEST_LIFETIME_US = 366 * 24 * 3600 * 1_000_000

_MARK = "vht_"


@dataclass(frozen=True)
class ApiToken:
    """What is known of an API token. The fields mean what the proto of the same name says."""

    tenant: str
    token_id: str
    name: str
    user: str
    scopes: frozenset[str]
    digest: bytes = field(repr=False)
    """SHA-256 of the whole token: all that is stored of it."""
    create_time_us: int
    expire_time_us: int
    revoke_time_us: int | None = None
    last_use_time_us: int | None = None

    def live(self, now_us: int) -> bool:
        """Whether it is good at this time."""
        return self.revoke_time_us is None and now_us < self.expire_time_us

    def made_from(self, token: str) -> bool:
        """Whether this is the token shown, told in a time that does not depend on where they differ."""
        return hmac.compare_digest(self.digest, digest(token))


def compose(token_id: str, secret: str) -> str:
    """The token itself; neither part holds an underscore."""
    return f"{_MARK}{token_id}_{secret}"


def id_of(token: str) -> str | None:
    """The id within a token; None where it is no API token of this mesh by its looks."""
    if not token.startswith(_MARK):
        return None
    token_id, _, secret = token.removeprefix(_MARK).partition("_")
    return token_id if token_id and secret else None


def digest(token: str) -> bytes:
    """What is stored of a token. Its secret is long and random, so that a plain digest cannot be searched for."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def lifetime_violations(lifetime_us: int) -> Iterator[Violation]:
    """How long a token may be good for."""
    if lifetime_us <= 0:
        yield Violation("lifetime", "is not positive: give at least a second, or nothing for 90 days")
    elif lifetime_us > LONGEST_LIFETIME_US:
        yield Violation("lifetime", "is over 366 days: give at most that, and make a new token in time")


def ended(tokens: Iterable[ApiToken], now_us: int) -> list[ApiToken]:
    """Those that are good for nothing any more, the latest made first."""
    return sorted((one for one in tokens if not one.live(now_us)), key=lambda one: one.token_id, reverse=True)
