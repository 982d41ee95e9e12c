"""Settings of the scheduler, beside those of every service."""

from __future__ import annotations

from pydantic import Field

from services.chassis.settings import Settings


class SchedulerSettings(Settings):
    """Read from the environment, `VAHANA_…`."""

    service: str = "scheduler"
    resend_after_seconds: float = Field(default=60.0, gt=0)
    """A dispatch no executor has answered for so long is sent again, then ever less often."""
