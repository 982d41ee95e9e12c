"""How a broken rule is told."""

from typing import NamedTuple


class Violation(NamedTuple):
    """A field that breaks a rule."""

    field: str
    """Path of the field, relative to the request."""
    fault: str
    """What is wrong with the value, and the way out. Never the value of a secret field."""
