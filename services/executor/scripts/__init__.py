"""The sh scripts that run on compute resources. Values reach them as arguments or on stdin, never as part of them."""

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """Return a file of this directory, e.g. "stage_in"."""
    return files(__package__).joinpath(f"{name}.sh").read_text("utf-8")


@cache
def joined(*names: str) -> str:
    """Return the named scripts as one."""
    return "\n".join(map(text, names))


@cache
def remote(*names: str) -> str:
    """Return the named scripts as one, after the prelude."""
    return joined("prelude", *names)
