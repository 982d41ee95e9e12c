"""Settings of the executor, read from the environment as VAHANA_EXECUTOR_…"""

from pydantic import Field

from services.chassis.settings import Settings


class ExecutorSettings(Settings):
    """The common settings and the executor's own."""

    service: str = "executor"
    executor_fast_pool_size: int = Field(default=64, ge=1, le=256)
    """Workers in the fast lane for each type of task; one host holds at most a quarter of them."""
    executor_slow_pool_size: int = Field(default=16, ge=1, le=256)
    """Workers in the slow lane for each type of task; one host holds at most a quarter of them."""
    executor_host_concurrency: int = Field(default=64, ge=1)
    """Workers at one host at once, of all pools."""
    executor_lane_capacity: int = Field(default=10_000, ge=1)
    """Claims of one type of task and lane that may wait for workers; beyond that, more of them stay on the bus."""
    executor_lease_seconds: float = Field(default=10.0, gt=0)
    """How long a claim outlives the last sign of its holder."""
    executor_poll_seconds: float = Field(default=0.3, gt=0)
    """Shortest interval between two looks at the jobs of one account; never under five times a look's own cost."""
    executor_linger_seconds: float = Field(default=1.0, ge=0)
    """How long a command before or after the job is waited for before it is watched like a job."""
    executor_sessions: int = Field(default=6, ge=1, le=64)
    """SSH sessions at once on one connection; servers allow 10 by default."""
    executor_connect_seconds: float = Field(default=10.0, gt=0)
    """How long a host may take to answer a connection."""
    executor_cancel_grace_seconds: float = Field(default=10.0, gt=0)
    """How long a job that was told to end, by a cancel or at the end of its wall time, is given before it is killed."""
    executor_longest_backoff_seconds: float = Field(default=30.0, gt=0)
    """Longest wait between two tries of a blocked attempt."""
