"""Tenants."""

from dataclasses import dataclass

FIRST_TENANT = "default"


@dataclass(frozen=True)
class Tenant:
    """One science gateway. The fields mean what the proto of the same name says."""

    name: str
    display_name: str = ""
    create_time_us: int = 0
    disabled: bool = False
    revision: int = 1
