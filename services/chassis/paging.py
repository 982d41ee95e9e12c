"""Pages of lists: by key of the last row, never by offset, so that a page costs the same wherever it is."""

import base64
import binascii
import json

from services.chassis.errors import FieldViolation, InvalidFields

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000


def page_limit(page_size: int) -> int:
    """Return how many rows to read for a `page_size`: the default for 0, never more than the largest."""
    if page_size < 0:
        raise InvalidFields([FieldViolation("page_size", f"is {page_size}; give 0 for the default, or 1 to 1000")])
    return min(page_size or DEFAULT_PAGE, LARGEST_PAGE)


def encode_token(*parts: str | int) -> str:
    """Return the opaque page token that stands for the key of a page's last row."""
    content = json.dumps([str(part) for part in parts], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode_token(token: str) -> tuple[str, ...]:
    """Return the parts given to `encode_token`; () for the empty token. Refuses anything else with InvalidFields."""
    if not token:
        return ()
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        parts = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) and _storable(part) for part in parts):
        raise InvalidFields(
            [FieldViolation("page_token", "is not a token of this list; send next_page_token as it came, or nothing")]
        )
    return tuple(parts)


def names_of(token: str, parts: int) -> tuple[str, ...]:
    """Return the key, of so many names, that a token stands for; the lowest where it is empty."""
    found = decode_token(token) or ("",) * parts
    if len(found) != parts or not all(part.isascii() and part.isprintable() for part in found):
        raise foreign_token()
    return found


def is_number(part: str, digits: int = 18) -> bool:
    """Whether a part of a token is a number that its column takes; one of 64 bits takes any of 18 digits."""
    return part.isdecimal() and len(part) <= digits


def foreign_token() -> InvalidFields:
    """Return the refusal of a page token that is of another list."""
    return InvalidFields([FieldViolation("page_token", "is of another list: send the next_page_token of this one")])


def _storable(part: str) -> bool:
    """Whether a database takes the text: a NUL or half a surrogate pair would be refused there, without a word."""
    return "\0" not in part and not any("\ud800" <= each <= "\udfff" for each in part)
