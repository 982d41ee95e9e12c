"""What Alembic runs for profile."""

from services.chassis.migrate import run_env
from services.profile.schema import metadata

run_env(metadata)
