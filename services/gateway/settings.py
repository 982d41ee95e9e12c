"""The settings of the gateway."""

from pydantic import Field

from services.chassis.settings import Settings


class GatewaySettings(Settings):
    """Beside the common ones, how often callers may call."""

    service: str = "gateway"
    rate_per_second: float = Field(default=500.0, gt=0)
    """Calls a second that one subject of one tenant may keep up."""
    rate_burst: int = Field(default=1000, ge=1)
    """Calls it may make at once after a pause."""
    failed_rate_per_second: float = Field(default=20.0, gt=0)
    """Calls a second that one address may keep up with tokens that are no good."""
    failed_rate_burst: int = Field(default=100, ge=1)
    """Such calls it may make at once after a pause."""
