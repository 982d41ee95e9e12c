"""What Alembic runs for the registry."""

from services.chassis.migrate import run_env
from services.registry.schema import metadata

run_env(metadata)
