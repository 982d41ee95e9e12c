"""Alembic's way in."""

from services.chassis.migrate import run_env
from services.executor.schema import metadata

run_env(metadata)
