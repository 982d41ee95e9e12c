"""Whether a text is a value of a type."""

from __future__ import annotations

import math
import re
import unicodedata

from services.experiment.domain.facts import DataType

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")
# A single argument of a program can be no longer on Linux.
LONGEST_WORD = 128 * 1024 - 1


def value_fault(kind: DataType, value: str, choices: tuple[str, ...]) -> str | None:
    """What is wrong with `value` as a value of `kind`, and the way out; None where it is one."""
    fault = _CHECKS[kind](value)
    if fault is None and choices and value not in choices:
        fault = f"{_short(value)} is not one of the choices: {', '.join(choices)}"
    return fault


def _string(value: str) -> str | None:
    for place, character in enumerate(value):
        if unicodedata.category(character) == "Cc":
            return f"has a control character (U+{ord(character):04X}) at place {place + 1}: pass such content as a file"
    if len(value.encode()) > LONGEST_WORD:
        return f"is longer than a program's argument can be ({LONGEST_WORD} bytes): pass it as a file"
    return None


def _integer(value: str) -> str | None:
    if not _INTEGER.fullmatch(value):
        return f"{_short(value)} is not a whole number: write digits, with a sign where needed, e.g. 42"
    if not -(2**63) <= int(value) < 2**63:
        return f"{_short(value)} does not fit into 64 bits: it must lie between -2^63 and 2^63-1"
    return None


def _float(value: str) -> str | None:
    if not _FLOAT.fullmatch(value):
        return f"{_short(value)} is not a number: write it in decimal or scientific notation, e.g. 0.5 or 1e-3"
    if math.isinf(float(value)):
        return f"{_short(value)} is beyond the range of a 64-bit floating point number"
    return None


def _boolean(value: str) -> str | None:
    return None if value in ("true", "false") else f'{_short(value)} is neither "true" nor "false"'


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")


_CHECKS = {
    DataType.STRING: _string,
    DataType.INTEGER: _integer,
    DataType.FLOAT: _float,
    DataType.BOOLEAN: _boolean,
}
