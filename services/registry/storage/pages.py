"""The keys of one page of a list, by the sizes of the rows."""

from sqlalchemy import ColumnElement, Table, func, literal, select

from services.chassis.db import Tx
from services.chassis.fitting import Page, cut, stored_bytes

NOTHING: ColumnElement[int] = literal(0)


def names_page(  # noqa: PLR0917 - which table, whose, from where, how many and how large
    tx: Tx, table: Table, tenant: str, after: str, limit: int, beside: ColumnElement[int] = NOTHING
) -> Page[str]:
    """A page of the names that come after `after` in a table by tenant and name.

    `beside`: the bytes of what belongs to a row and is kept elsewhere, NULL for none.
    """
    query = select(table.c.name, (stored_bytes(*table.c) + func.coalesce(beside, 0)).label("size"))
    query = query.where(table.c.tenant == tenant, table.c.name > after).order_by(table.c.name).limit(limit + 1)
    rows = tx.execute(query).all()
    return cut([row.name for row in rows], [row.size for row in rows], limit)
