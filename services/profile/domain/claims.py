"""The claims of an OpenID Connect token, and whether they make a login."""

from collections.abc import Mapping
from typing import Any

LEEWAY_S = 30
"""How far a provider's clock may be ahead of ours."""
_LONGEST_SUBJECT = 255
_LATEST = 2**40


def issuer(claims: Mapping[str, Any]) -> str:
    """Who is said to have signed a token; "" where it does not say so properly."""
    return _word(claims.get("iss"))


def audiences(claims: Mapping[str, Any]) -> list[str]:
    """Whom a token says it is for."""
    said = claims.get("aud")
    return [word for one in (said if isinstance(said, list) else [said]) if (word := _word(one))]


def fault(claims: Mapping[str, Any], *, issued_by: str, audience: str, now_s: float) -> str:
    """Why the claims make no login, for the log; "" where they do."""
    if issuer(claims) != issued_by:
        return "iss is another"
    if audience not in audiences(claims):
        return "aud is another"
    if not 0 < len(_word(claims.get("sub"))) <= _LONGEST_SUBJECT:
        return "sub is no subject"
    return _time_fault(claims, now_s)


def end_s(claims: Mapping[str, Any]) -> int:
    """When a token ends whose claims have no fault."""
    return int(claims["exp"])


def _time_fault(claims: Mapping[str, Any], now_s: float) -> str:
    times = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
    if not all(_is_time(time) for time in times):
        return "exp, iat or nbf is no time"
    expires, *begins = (float(time) for time in times if time is not None)
    if expires <= now_s:
        return "it has expired"
    if max(begins) > now_s + LEEWAY_S:
        return "it is from the future"
    return ""


def _is_time(value: object) -> bool:
    # NaN and the infinities are in no range.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def _word(value: object) -> str:
    """A value that can be looked up: text in printable ASCII; "" for any other."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""
