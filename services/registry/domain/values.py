"""The types of inputs and outputs, and which text is a value of which."""

import enum
import math
import re

from services.registry.domain.text import holds_control

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")


class DataType(enum.StrEnum):
    """The type of an input or output."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    FLOAT = "FLOAT"
    BOOLEAN = "BOOLEAN"
    URI = "URI"
    URI_COLLECTION = "URI_COLLECTION"
    STDOUT = "STDOUT"
    STDERR = "STDERR"

    @property
    def holds_files(self) -> bool:
        """Whether a value is files an experiment brings, and no text."""
        return self in (DataType.URI, DataType.URI_COLLECTION)


def value_fault(kind: DataType, text: str) -> str:
    """Why the text is no value of the type, with the way out; "" where it is one."""
    match kind:
        case DataType.INTEGER if not (_INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63):
            return "is no INTEGER: write a whole number of 64 bits"
        case DataType.FLOAT if not (_FLOAT.fullmatch(text) and math.isfinite(float(text))):
            return "is no FLOAT: write a number like 0.5 or 1e-9"
        case DataType.BOOLEAN if text not in ("true", "false"):
            return "is no BOOLEAN: write 'true' or 'false'"
        case DataType.STRING if holds_control(text):
            return "holds a control character: remove it"
    return ""
