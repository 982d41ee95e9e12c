"""Settings of the experiment service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.chassis.settings import Settings


class ExperimentSettings(Settings):
    """What can be set beside the settings common to all services; times are in seconds."""

    service: str = "experiment"
    blobs_root: Path = Field(default_factory=lambda data: data["home"] / "blobs")
    """Directory of uploads and outputs."""
    max_file_bytes: int = Field(default=50 * 1024**3, ge=1)
    """The largest file taken, as input or as output."""

    max_attempts: int = Field(default=3, ge=1, le=100)
    """Attempts of a task in all."""
    initial_backoff_seconds: float = Field(default=2.0, ge=0)
    """Wait before a task's second attempt; doubled before each further one."""
    max_backoff_seconds: float = Field(default=60.0, ge=0)
    """The longest wait before an attempt."""
    blocked_budget_seconds: float = Field(default=900.0, ge=0)
    """How long one attempt may wait for a host, a login, a quota or a disk before it fails."""
