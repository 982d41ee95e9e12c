"""Users."""

from dataclasses import dataclass

FIRST_USER = "admin"


@dataclass(frozen=True)
class User:
    """A person or program of one tenant. The fields mean what the proto of the same name says."""

    name: str
    display_name: str = ""
    email: str = ""
    create_time_us: int = 0
