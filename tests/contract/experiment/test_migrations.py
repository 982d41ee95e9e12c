"""The migrations and the tables say the same."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.experiment.schema import metadata

PACKAGE = "services.experiment"


def test_up_is_the_schema_and_down_is_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/experiment.db"
    upgrade(url, PACKAGE)
    database = Database(url, metadata)
    with database.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    downgrade(url, PACKAGE)
    with database.read() as tx:
        assert set(sa.inspect(tx).get_table_names()) <= {"alembic_version"}
    database.close()
