"""Placeholders in the words of a deployment.

`{resources.NAME}` stands for what the job is asked for and, except in a launcher, `{inputs.NAME}` for an input; `{{`
and `}}` stand for a brace. In the values of variables `{resources.NAME}` alone means anything.
"""

import re

from services.registry.domain.text import quoted

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<of>[a-z]+)\.(?P<name>[A-Za-z][A-Za-z0-9_]*)\}|\{[^{}]*\}?|\}")

_RESOURCE = re.compile(r"\{resources\.([A-Za-z0-9_]*)\}")


class PlaceholderError(ValueError):
    """The word holds braces that mean nothing; the message says which, and the way out."""


def placeholders(word: str, *kinds: str) -> list[tuple[str, str]]:
    """The kind and the name in each `{kind.NAME}` that a word holds, in order, repeats included.

    Raises PlaceholderError, also where a kind is none of `kinds`.
    """
    found = []
    for piece in _PIECE.finditer(word):
        text = piece.group()
        if piece.group("of") in kinds:
            found.append((piece.group("of"), piece.group("name")))
        elif text not in ("{{", "}}"):
            ways = " or ".join(f"'{{{of}.NAME}}' for one of the {of}" for of in kinds)
            raise PlaceholderError(
                f"{quoted(text)} is no placeholder here: write {ways}, and '{{{{' or '}}}}' for a brace"
            )
    return found


def resources_named(value: str) -> list[str]:
    """The names in each `{resources.NAME}` that the value of a variable holds; its other braces mean nothing."""
    return _RESOURCE.findall(value)
