"""Names for new things."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """Return a fresh id such as `exp-01j9…`: the prefix and a lower-case ULID, so ids sort by time of creation."""
    return f"{prefix}-{str(ULID()).lower()}"
