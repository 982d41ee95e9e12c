"""The one place where words become a shell's command line."""

import shlex
from collections.abc import Sequence

LARGEST_WORD = 120 * 1024
"""Linux takes no single word of a command line over 128 KiB; sshd hands the whole line on as one."""


def quote(word: str) -> str:
    """Quote one word for sh. ValueError for what no command line can carry."""
    if "\0" in word:
        raise ValueError("a command line cannot carry a NUL character")
    return shlex.quote(word)


def join(words: Sequence[str]) -> str:
    """Quote words into one line of a script."""
    return " ".join(quote(word) for word in words)


def command_line(script: str, marker: str, arguments: Sequence[str]) -> str:
    """Return the command line that runs one of our scripts; it finds `marker` as $0 and the arguments from $1 on."""
    line = join(["sh", "-c", script, marker, *arguments])
    if len(line.encode()) > LARGEST_WORD:
        raise ValueError(f"the command line would have {len(line.encode())} bytes, over the limit of {LARGEST_WORD}")
    return line
