"""Where a mesh keeps its state, and where the client finds it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The directory of one mesh: its databases, keys, tokens and logs."""

    path: Path

    @classmethod
    def find(cls, given: Path | None = None) -> Home:
        """Returns the directory given, or named by VAHANA_HOME, or ~/.vahana; always absolute."""
        chosen = given or Path(os.environ.get("VAHANA_HOME") or Path.home() / ".vahana")
        return cls(chosen.expanduser().absolute())

    @property
    def mesh_file(self) -> Path:
        """What runs, where and since when; written by `vahana up`."""
        return self.path / "mesh.json"

    @property
    def identities_file(self) -> Path:
        """Who may call, by the digests of their tokens."""
        return self.path / "identities.json"

    @property
    def logs(self) -> Path:
        """The directory of the logs."""
        return self.path / "logs"

    @property
    def scratch(self) -> Path:
        """Scratch space of the local compute resource."""
        return self.path / "scratch"

    def token_file(self, subject: str) -> Path:
        """The file with a subject's token."""
        return self.path / "tokens" / subject

    def log_file(self, name: str) -> Path:
        """The log of one process of the mesh."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Creates the directories that must exist before anything runs."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for directory in (self.logs, self.scratch, self.path / "tokens"):
            directory.mkdir(exist_ok=True, mode=0o700)
