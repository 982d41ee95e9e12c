"""YAML files written by users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from vahana_client.cli.errors import BadInputError


def read_mapping(path: Path) -> dict[str, Any]:
    """Reads a file that holds one mapping; whatever is wrong with it is raised as BadInputError."""
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date like 2026-13-01
        raise BadInputError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise BadInputError(f"{path} must hold a mapping of names to values")
    return data


def scalar(value: object) -> str:
    """Writes a YAML scalar the way the contracts do: booleans as true and false, all else as it reads."""
    return str(value).lower() if isinstance(value, bool) else str(value)
