"""The file from which the services of this machine learn the keys that access tokens are verified with."""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path


def write(path: Path, keys: Sequence[Mapping[str, str]]) -> None:
    """Have the file hold this JSON Web Key Set, whole at any time; one that does is left alone. Raises OSError."""
    content = json.dumps({"keys": keys}, indent=2).encode() + b"\n"
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        draft.write_bytes(content)
        draft.chmod(0o644)  # whatever the umask: the keys are public
        os.replace(draft, path)  # noqa: PTH105 - says which of the two is replaced
    finally:
        draft.unlink(missing_ok=True)
