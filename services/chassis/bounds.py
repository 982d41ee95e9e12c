"""What a field of a message may hold. Whoever reads messages asks here first: a value that no table can keep, or no
reader can show, is refused where it comes in, or replaced in a text. Checks raise ValueError and name field and fault.
"""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

LARGEST_INTEGER = 2**31 - 1
LARGEST_BIG_INTEGER = 2**63 - 1
"""What the columns hold."""
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, which is as far as a Timestamp goes and as calendars can show."""
_LONGEST_SECONDS = 315_576_000_000
"""Ten thousand years, which is as far as a Duration goes."""
_LAST_NANO = 999_999_999


def storable(text: str) -> str:
    """Return the text without what databases refuse: PostgreSQL keeps no NUL, and nothing keeps half a character."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def check_name(field: str, value: str, longest: int) -> None:
    """Refuse what cannot name anything: nothing, over `longest` characters, or with some that cannot be printed."""
    if not value:
        raise ValueError(f"{field} is empty")
    check_label(field, value, longest)


def check_label(field: str, value: str, longest: int) -> None:
    """The same, of a name that may be left out."""
    if len(value) > longest:
        raise ValueError(f"{field} has {len(value)} characters, and {longest} at most")
    if not value.isprintable():
        raise ValueError(f"{field} is {value!r}, which holds what cannot be printed")


def check_number(field: str, value: int, least: int, most: int) -> None:
    """Refuse a number outside of the bounds, which are allowed themselves."""
    if not least <= value <= most:
        raise ValueError(f"{field} is {value}, and has to be {least} to {most}")


def check_time(field: str, value: Timestamp) -> None:
    """Refuse a time before the year 1 or after 9999; one that is not set is none of these."""
    if not (_FIRST_SECOND <= value.seconds <= _LAST_SECOND and 0 <= value.nanos <= _LAST_NANO):
        raise ValueError(
            f"{field} is {value.seconds} s and {value.nanos} ns since 1970, outside of the years 1 to 9999"
        )


def check_duration(field: str, value: Duration) -> None:
    """Refuse what is below zero or over ten thousand years."""
    if not (0 <= value.seconds <= _LONGEST_SECONDS and 0 <= value.nanos <= _LAST_NANO):
        raise ValueError(f"{field} is {value.seconds} s and {value.nanos} ns, and has to be 0 to {_LONGEST_SECONDS} s")
