"""Placeholders in the words of a deployment: `{inputs.NAME}` stands for an input, `{{` and `}}` for a brace."""

import re
from collections.abc import Iterator

from services.registry.domain.text import quoted

_PIECE = re.compile(r"\{\{|\}\}|\{inputs\.(?P<name>[A-Za-z][A-Za-z0-9_]*)\}|\{[^{}]*\}?|\}")
_WAY_OUT = "write '{inputs.NAME}' for an input and '{{' or '}}' for a brace"


class PlaceholderError(ValueError):
    """The word holds braces that mean nothing; the message says which, and the way out."""


def input_names(word: str) -> list[str]:
    """Names of the inputs a word stands for, in order, repeats included. Raises PlaceholderError."""
    return list(_names(word))


def _names(word: str) -> Iterator[str]:
    for piece in _PIECE.finditer(word):
        text = piece.group()
        if name := piece.group("name"):
            yield name
        elif text not in ("{{", "}}"):
            raise PlaceholderError(f"{quoted(text)} is no placeholder: {_WAY_OUT}")
