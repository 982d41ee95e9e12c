"""The migrations of profile make the tables that its code expects."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.profile.schema import metadata


def test_the_tables_are_those_of_the_code_and_can_be_taken_back(tmp_path):
    url = f"sqlite:///{tmp_path}/profile.db"
    upgrade(url, "services.profile")
    db = Database(url, metadata)
    with db.write() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    downgrade(url, "services.profile")
    with db.read() as tx:
        assert set(inspect(tx).get_table_names()) <= {"alembic_version"}
    db.close()
