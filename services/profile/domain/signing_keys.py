"""When keys begin to sign access tokens, and when nothing that they signed is good any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.profile.domain.credentials import SealedKey

TOKEN_LIFETIME_US = 300 * 1_000_000
"""The longest life of an access token."""
PERIOD_US = 30 * 24 * 3600 * 1_000_000
"""How long a key signs before the next one does."""
NOTICE_US = 24 * 3600 * 1_000_000
"""How long a key is published before it signs."""
_GRACE_US = 300 * 1_000_000
"""How much longer than its tokens a key is kept, for clocks that differ."""


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key pair, its private half sealed."""

    key_id: str
    generation: int
    """1 for the first, raised by 1 with every other."""
    public_key: bytes
    start_time_us: int
    """When it begins to sign."""
    sealed: SealedKey


def present(keys: Sequence[SigningKey], now_us: int) -> SigningKey | None:
    """The key that signs now, None where none has begun."""
    begun = [key for key in keys if key.start_time_us <= now_us]
    return max(begun, key=lambda key: key.generation, default=None)


def next_start(able: Sequence[SigningKey], now_us: int) -> int | None:
    """When a key to be made now is to begin to sign; None while none has to be made.

    `able`: those that can sign when it is their time. Where it is none's, a day's notice would leave nobody to sign.
    """
    if present(able, now_us) is None:
        return now_us
    due = max(key.start_time_us for key in able) + PERIOD_US
    return max(due, now_us + NOTICE_US) if due - NOTICE_US <= now_us else None


def end(key: SigningKey, keys: Sequence[SigningKey]) -> int | None:
    """When tokens signed with it are refused; None while no other key is known to take over from it."""
    later = [other.start_time_us for other in keys if other.generation > key.generation]
    return min(later) + TOKEN_LIFETIME_US + _GRACE_US if later else None


def expire_time(key: SigningKey, keys: Sequence[SigningKey], now_us: int) -> int | None:
    """As `end`, but None for the key in use and the next one, as callers are told."""
    using = present(keys, now_us)
    return end(key, keys) if using is not None and key.generation < using.generation else None


def gone(keys: Sequence[SigningKey], now_us: int) -> list[SigningKey]:
    """The keys whose tokens have all ended."""
    ends = ((key, end(key, keys)) for key in keys)
    return [key for key, at in ends if at is not None and at <= now_us]
