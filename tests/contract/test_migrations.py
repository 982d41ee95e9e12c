"""Each service's migrations: they go up and down, and say the same as its tables."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import services
from services.chassis.db import Database
from services.chassis.migrate import downgrade, head, upgrade

SERVICES = sorted(path.parent.parent.name for path in Path(services.__path__[0]).glob("*/migrations/env.py"))

every_service = pytest.mark.parametrize("service", SERVICES)


def tables(url):
    database = Database(url)
    with database.read() as tx:
        names = set(sa.inspect(tx).get_table_names())
    database.close()
    return names - {"alembic_version"}


def differences(url, metadata):
    database = Database(url)
    with database.write() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, metadata)
    database.close()
    return found


def metadata_of(service):
    return importlib.import_module(f"services.{service}.schema").metadata


def test_all_services_with_tables_have_migrations():
    with_tables = {path.parent.name for path in Path(services.__path__[0]).glob("*/schema.py")} - {"chassis"}
    assert with_tables <= set(SERVICES)


@every_service
def test_migrations_make_exactly_the_tables(service, database_url):
    upgrade(database_url, f"services.{service}")
    assert tables(database_url) == set(metadata_of(service).tables)
    assert differences(database_url, metadata_of(service)) == []


@every_service
def test_migrations_can_be_taken_back_and_done_again(service, database_url):
    package = f"services.{service}"
    upgrade(database_url, package)
    downgrade(database_url, package)
    assert tables(database_url) == set()
    upgrade(database_url, package)
    assert differences(database_url, metadata_of(service)) == []


@every_service
def test_revisions_are_numbered_as_their_files(service):
    versions = Path(services.__path__[0]) / service / "migrations" / "versions"
    before = None
    for path in sorted(versions.glob("[0-9]*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.revision == path.name.partition("_")[0]
        assert module.down_revision == before
        before = module.revision
    assert before == head(f"services.{service}")


def test_a_database_at_the_head_is_left_alone_without_loading_alembic(tmp_path, monkeypatch):
    url, package = f"sqlite:///{tmp_path}/x.db", f"services.{SERVICES[0]}"
    upgrade(url, package)
    for name in [name for name in sys.modules if name.partition(".")[0] == "alembic"]:
        monkeypatch.setitem(sys.modules, name, None)
    upgrade(url, package)


def test_a_planted_difference_is_seen(database_url):
    upgrade(database_url, f"services.{SERVICES[0]}")
    metadata = sa.MetaData()
    for table in metadata_of(SERVICES[0]).tables.values():
        table.to_metadata(metadata)
    next(iter(metadata.tables.values())).append_column(sa.Column("one_more", sa.Text))
    assert differences(database_url, metadata)


def test_a_failed_migration_leaves_nothing(database_url, tmp_path, monkeypatch):
    versions = tmp_path / "broken" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parent.parent / "__init__.py").touch()
    (versions.parent / "env.py").write_text(
        "import sqlalchemy as sa\nfrom services.chassis.migrate import run_env\nrun_env(sa.MetaData())\n"
    )
    (versions / "0001_first.py").write_text(
        "from services.chassis.schema import create_platform_tables\n"
        "revision, down_revision = '0001', None\n"
        "def upgrade():\n    create_platform_tables('outbox')\n    raise RuntimeError('planted')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="planted"):
        upgrade(database_url, "broken")
    assert tables(database_url) == set()
