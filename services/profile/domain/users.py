"""Users."""

from dataclasses import dataclass

FIRST_USER = "admin"
ADMIN = "admin"
OPERATOR = "operator"
ROLES = (ADMIN, OPERATOR)


@dataclass(frozen=True)
class User:
    """A person or program of one tenant. The fields mean what the proto of the same name says."""

    name: str
    display_name: str = ""
    email: str = ""
    create_time_us: int = 0
    roles: frozenset[str] = frozenset()
    """In lower case: ADMIN, OPERATOR."""
    disabled: bool = False
    revision: int = 1

    @property
    def administers(self) -> bool:
        """Whether the user can log in as an administrator."""
        return ADMIN in self.roles and not self.disabled

    @property
    def operates(self) -> bool:
        """Whether the user can log in as an operator, if anybody of the tenant can."""
        return OPERATOR in self.roles and not self.disabled
