"""Rules on text that others share."""

from collections.abc import Sequence

_QUOTED_LENGTH = 80
_LISTED = 10


def holds_control(text: str) -> bool:
    """Whether the text holds a control character: those below 32 (a tab and a line break among them) and DEL."""
    return any(ord(char) < 32 or ord(char) == 127 for char in text)


def quoted(text: str) -> str:
    """The text in quotes for a message, shortened where it is long."""
    return f"'{text}'" if len(text) <= _QUOTED_LENGTH else f"'{text[:_QUOTED_LENGTH]}…' ({len(text)} characters)"


def listed(names: Sequence[str]) -> str:
    """The names in a row for a message, the first ten and how many more there are; "none" where there are none."""
    told = ", ".join(names[:_LISTED]) or "none"
    return told if len(names) <= _LISTED else f"{told} and {len(names) - _LISTED} more"


def path_fault(path: str, *, absolute: bool) -> str:
    """Why the text is no plain path of the kind asked for, with the way out; "" where it is one."""
    kind = "an absolute path" if absolute else "a path relative to the job's work directory"
    if holds_control(path):
        return "holds a control character: remove it"
    if path.startswith("/") != absolute:
        return f"is not {kind}: {'begin it with' if absolute else 'write it without the leading'} '/'"
    parts = path.split("/")[1 if absolute else 0 :]
    if ".." in parts:
        return "holds '..': write the path that is meant"
    if path != "/" and any(part in ("", ".") for part in parts):
        return "has an empty part or '.': write it without doubled or trailing '/' and without '.'"
    return ""
