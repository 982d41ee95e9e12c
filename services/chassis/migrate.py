"""Alembic, run by each service on its own database when it starts.

A service keeps `migrations/env.py`, three lines:

    from services.chassis.migrate import run_env
    from services.<s>.schema import metadata
    run_env(metadata)

and `migrations/versions/<revision>_<what>.py`, written by hand, whose revision is the first part of the file's name:
"0001", "0002" and so on, each `down_revision` the one before. The highest number is the head, which is how a service
sees without loading Alembic that it has nothing to do. All steps to the head are one transaction.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.chassis.db import Database, Tx

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 7_400_001
"""PostgreSQL's advisory lock under which replicas that start at once take turns."""


def upgrade(database_url: str, package: str) -> None:
    """Bring a database to the head of a service's migrations, e.g. of package "services.registry"."""
    _run(database_url, package, "head", unless=head(package))


def downgrade(database_url: str, package: str, revision: str = "base") -> None:
    """Take a database back to a revision; "base" is before the first."""
    _run(database_url, package, revision, unless=None)


def head(package: str) -> str:
    """Return the highest revision of a service's migrations."""
    return max(path.name.partition("_")[0] for path in (_location(package) / "versions").glob("[0-9]*_*.py"))


def run_env(metadata: sa.MetaData) -> None:
    """Run what Alembic was asked for, on the connection this module opened: the whole of an env.py."""
    from alembic import context  # noqa: PLC0415 - see the head of this module

    connection = context.config.attributes["connection"]
    batch = connection.dialect.name == "sqlite"
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=batch)
    context.run_migrations()


def _run(database_url: str, package: str, target: str, unless: str | None) -> None:
    database = Database(database_url)
    try:
        if unless is not None and _present(database) == unless:
            return
        from alembic import command  # noqa: PLC0415 - takes a fifth of a second, for nothing on most starts

        with database.write() as tx:
            if tx.dialect.name == "postgresql":
                tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            run = command.upgrade if target == "head" else command.downgrade
            run(_config(package, tx), target)
    finally:
        database.close()


def _present(database: Database) -> str | None:
    with database.read() as tx:
        if not sa.inspect(tx).has_table("alembic_version"):
            return None
        return tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _config(package: str, tx: Tx) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_location(package)).replace("%", "%%"))
    config.attributes["connection"] = tx
    return config


def _location(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}")
    return Path(next(iter(spec.submodule_search_locations))) / "migrations"
