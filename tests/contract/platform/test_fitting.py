"""How much fits into an answer, and what rows take, on both databases."""

import pytest
import sqlalchemy as sa

from services.chassis.db import Database
from services.chassis.fitting import Page, cut, stored_bytes

ROWS = sa.Table(
    "row",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("blob", sa.LargeBinary),
    sa.Column("text", sa.Text),
    sa.Column("json", sa.JSON(none_as_null=True)),
    sa.Column("count", sa.BigInteger),
)


@pytest.mark.parametrize(
    ("sizes", "limit", "page"),
    [
        ([], 5, Page([])),
        ([1, 1, 1], 5, Page([0, 1, 2])),
        ([1, 1, 1], 3, Page([0, 1, 2])),
        ([1, 1, 1], 2, Page([0, 1], more=True)),
        ([1_000_000, 1_000_000, 1_000_000], 5, Page([0, 1], more=True)),
        ([4_000_000, 1], 5, Page([0], more=True)),
        ([4_000_000], 5, Page([0])),
        ([1, 4_000_000, 1], 5, Page([0], more=True)),
    ],
)
def test_as_many_as_are_asked_for_and_fit(sizes, limit, page):
    assert cut(range(len(sizes)), sizes, limit) == page


@pytest.fixture
def db(database_url):
    made = Database(database_url, ROWS.metadata)
    made.create_tables()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ({}, 0),
        ({"blob": b"\x00\xff\\x" * 1000}, 4000),
        ({"text": "ä€😀"}, 9),
        ({"json": ["abc", {"d": 1}]}, 17),
        ({"count": 12345}, 5),
        ({"blob": b"ab", "text": "c", "count": 6}, 4),
    ],
)
def test_what_a_row_takes(db, values, size):
    with db.write() as tx:
        tx.execute(sa.insert(ROWS).values(id=1, **values))
        columns = (ROWS.c.blob, ROWS.c.text, ROWS.c.json, ROWS.c.count)
        assert tx.execute(sa.select(stored_bytes(*columns))).scalar_one() == size
