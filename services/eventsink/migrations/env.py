"""Run by Alembic."""

from services.chassis.migrate import run_env
from services.eventsink.schema import metadata

run_env(metadata)
