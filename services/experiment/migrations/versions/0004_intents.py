"""What people want of processes, what processes were planned from, and what experiments are found by."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from vahana.experiment.v1 import experiment_pb2

revision = "0004"
down_revision = "0003"

_RUN = 1
_AT_ONCE = 500
_NEWEST = ("create_time", "experiment_id")
# Table, then name, type and value in rows that are there.
_ADDED: dict[str, list[tuple[str, sa.types.TypeEngine[Any], str]]] = {
    "experiment": [("application", sa.String(63), "''"), ("intent", sa.Integer(), "0")],
    "process": [
        ("intent", sa.Integer(), "1"),
        ("intent_seq", sa.BigInteger(), "0"),
        ("launcher", sa.String(200), "''"),
        ("application", sa.String(63), "''"),
        ("application_version", sa.String(63), "''"),
        ("deployment_revision", sa.BigInteger(), "0"),
        ("compute_resource_revision", sa.BigInteger(), "0"),
    ],
}


def upgrade() -> None:
    """Add the columns and the table, and fill in what the specs say."""
    for table, columns in _ADDED.items():
        for name, kind, value in columns:
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default=sa.text(value)))
    op.create_table(
        "experiment_tag",
        sa.Column("tenant", sa.String(100), primary_key=True),
        sa.Column("tag", sa.String(100), primary_key=True),
        sa.Column("create_time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column(
            "experiment_id",
            sa.String(100),
            sa.ForeignKey("experiment.experiment_id", name="fk_experiment_tag_experiment"),
            primary_key=True,
        ),
    )
    op.create_index("ix_experiment_tag_experiment_id", "experiment_tag", ["experiment_id"])
    _fill(op.get_bind())
    op.create_index("ix_experiment_application_newest", "experiment", ["tenant", "application", *_NEWEST])
    op.create_index("ix_experiment_state_newest", "experiment", ["tenant", "state", *_NEWEST])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_experiment_state_newest", "experiment")
    op.drop_index("ix_experiment_application_newest", "experiment")
    op.drop_table("experiment_tag")
    for table, columns in _ADDED.items():
        for name, _, _ in columns:
            op.drop_column(table, name)


def _fill(tx: sa.Connection) -> None:
    """Every process so far is its experiment's only one, launched by its owner from the spec as it stands."""
    names = ("experiment_id", "tenant", "create_time", "owner", "spec", "process_id", "application", "intent")
    experiment = sa.table("experiment", *(sa.column(name) for name in names))
    filled = ("process_id", "launcher", "application", "application_version")
    process = sa.table("process", *(sa.column(name) for name in filled))
    tag = sa.table("experiment_tag", *(sa.column(name) for name in ("tenant", "tag", "create_time", "experiment_id")))
    of_experiment = (
        sa.update(experiment)
        .where(experiment.c.experiment_id == sa.bindparam("key"))
        .values(application=sa.bindparam("its_application"), intent=sa.bindparam("its_intent"))
    )
    of_process = (
        sa.update(process)
        .where(process.c.process_id == sa.bindparam("its_process"))
        .values(
            launcher=sa.bindparam("its_owner"),
            application=sa.bindparam("its_application"),
            application_version=sa.bindparam("its_version"),
        )
    )
    for rows in _batches(tx, experiment):
        values = [_values(row) for row in rows]
        tx.execute(of_experiment, values)
        tx.execute(of_process, values)
        # There are some where these tables were there before, and taken away.
        if tags := [each for row in rows for each in _tags(row)]:
            tx.execute(sa.insert(tag), tags)


def _values(row: Any) -> dict[str, object]:
    spec = experiment_pb2.ExperimentSpec.FromString(row.spec)
    return {
        "key": row.experiment_id,
        "its_owner": row.owner,
        "its_process": row.process_id,
        "its_application": spec.application,
        "its_version": spec.application_version,
        "its_intent": _RUN if row.process_id else 0,
    }


def _tags(row: Any) -> Iterator[dict[str, object]]:
    for each in experiment_pb2.ExperimentSpec.FromString(row.spec).tags:
        key = {"create_time": row.create_time, "experiment_id": row.experiment_id}
        yield {"tenant": row.tenant, "tag": each, **key}


def _batches(tx: sa.Connection, experiment: sa.TableClause) -> Iterator[Sequence[sa.Row[Any]]]:
    """All experiments, some at a time: together their specs may be more than fits into memory."""
    after = ""
    key = experiment.c.experiment_id
    while rows := tx.execute(sa.select(experiment).where(key > after).order_by(key).limit(_AT_ONCE)).all():
        yield rows
        after = rows[-1].experiment_id
