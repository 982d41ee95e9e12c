"""Run by Alembic."""

from services.chassis.migrate import run_env
from services.experiment.schema import metadata

run_env(metadata)
