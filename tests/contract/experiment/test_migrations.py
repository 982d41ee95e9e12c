"""The migrations and the tables say the same."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.experiment.schema import metadata
from vahana.experiment.v1 import experiment_pb2

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


def test_what_was_launched_before_has_its_intent_its_pin_and_its_launcher(database_url):
    upgrade(database_url, PACKAGE)
    downgrade(database_url, PACKAGE, "0001")
    database = Database(database_url)
    spec = experiment_pb2.ExperimentSpec(name="n", project="p", application="relax", application_version="2.1")
    with database.write() as tx:
        old = sa.MetaData()
        old.reflect(tx)
        tx.execute(sa.insert(old.tables["project"]), blank(old.tables["project"]) | {"tenant": "t", "name": "p"})
        for number in range(1200):
            row = {"experiment_id": f"exp-{number}", "tenant": "t", "project": "p", "spec": spec.SerializeToString()}
            row |= {"owner": "ada", "process_id": f"proc-{number}" if number else ""}
            tx.execute(sa.insert(old.tables["experiment"]), blank(old.tables["experiment"]) | row)
            if number:
                row = {"process_id": f"proc-{number}", "experiment_id": f"exp-{number}", "tenant": "t"}
                tx.execute(sa.insert(old.tables["process"]), blank(old.tables["process"]) | row)
    database.close()
    upgrade(database_url, PACKAGE)
    database = Database(database_url, metadata)
    tables = metadata.tables
    with database.read() as tx:
        experiments = {(each.application, each.intent): each for each in tx.execute(sa.select(tables["experiment"]))}
        processes = tx.execute(sa.select(tables["process"])).all()
    database.close()
    assert set(experiments) == {("relax", 0), ("relax", 1)}
    assert len(processes) == 1199
    assert {
        (each.intent, each.intent_seq, each.launcher, each.application, each.application_version) for each in processes
    } == {(1, 0, "ada", "relax", "2.1")}


def test_tags_are_found_by_again_after_a_way_back_and_forth(database_url):
    upgrade(database_url, PACKAGE)
    database = Database(database_url, metadata)
    tables = metadata.tables
    spec = experiment_pb2.ExperimentSpec(name="n", project="p", application="relax", tags=["x", "y"])
    row = {"experiment_id": "exp-1", "tenant": "t", "project": "p", "create_time": 7, "spec": spec.SerializeToString()}
    tag = {"tenant": "t", "create_time": 7, "experiment_id": "exp-1"}
    with database.write() as tx:
        tx.execute(sa.insert(tables["project"]), blank(tables["project"]) | {"tenant": "t", "name": "p"})
        tx.execute(sa.insert(tables["experiment"]), blank(tables["experiment"]) | row)
        tx.execute(sa.insert(tables["experiment_tag"]), [tag | {"tag": each} for each in spec.tags])
    database.close()
    downgrade(database_url, PACKAGE, "0003")
    upgrade(database_url, PACKAGE)
    database = Database(database_url, metadata)
    with database.read() as tx:
        found = [dict(each._mapping) for each in tx.execute(sa.select(tables["experiment_tag"]))]
    database.close()
    assert sorted(found, key=lambda each: each["tag"]) == [tag | {"tag": each} for each in ("x", "y")]


def blank(table):
    """A row of nothing."""
    kinds = {str: "", int: 0, bytes: b""}
    return {column.name: kinds[column.type.python_type] for column in table.columns}
