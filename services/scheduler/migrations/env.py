"""What Alembic runs for the scheduler."""

from services.chassis.migrate import run_env
from services.scheduler.schema import metadata

run_env(metadata)
