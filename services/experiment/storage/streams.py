"""Lists made of several streams, each of them one index read in the order of the list.

A page takes at most its own length from each stream, so it costs the same wherever it is and however much there is.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.experiment.domain.access import SharedKind, Visibility
from services.experiment.schema import share

Column = sa.ColumnElement[Any]
Condition = sa.ColumnElement[bool]


class Principals:
    """Who someone is and which groups they are in, as rows of one parameter: the statement stays the same for all."""

    def __init__(self, seen: Visibility, dialect: str) -> None:
        """`dialect` is that of the database."""
        keys = [each.key for each in seen.principals]
        if dialect == "postgresql":
            unnested = sa.func.unnest(sa.literal(keys, ARRAY(sa.String)))
            rows = unnested.table_valued("value").render_derived()
        else:
            rows = sa.func.json_each(json.dumps(keys)).table_valued("value")
        self.rows = sa.select(rows.c.value.label("each")).cte("principals")

    def shared(self, tenant: str, kind: SharedKind) -> tuple[Condition, ...]:
        """That something of a kind was shared with one of them."""
        return share.c.tenant == tenant, share.c.kind == kind, share.c.principal.in_(sa.select(self.rows.c.each))


def of_each(keys: sa.CTE, stream: sa.Select[Any], key: Column, dialect: str) -> sa.FromClause:
    """`keys` beside the rows whose column `key` is in the stream of each; `stream` selects those for `keys.c.each`."""
    row = key.table
    one = stream.correlate(keys)
    if dialect == "postgresql":
        found = one.lateral()
        return keys.join(found, sa.true()).join(row, key == found.c[0])
    # SQLite has no LATERAL, and searches an index for each row of a correlated list as well.
    return keys.join(row, key.in_(one))
