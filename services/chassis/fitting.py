"""How much of a list fits into one answer, told before any of it is read: a page costs the memory of a page.

A query of a list reads keys and sizes first, which are small however large the rows; `cut` says how many of them make
up the page, and only these are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

MOST_BYTES = 2 * 1024 * 1024
"""A page ends early rather than outgrow what a client receives by default, 4 MiB."""

Item = TypeVar("Item")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of a list, in its order; `more`: whether anything comes after them."""

    items: list[Item]
    more: bool = False


class _StoredBytes(GenericFunction[int]):
    """The bytes of one value, without reading more of it than the database must."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "stored_bytes"


@compiles(_StoredBytes)
def _on_postgresql(element: _StoredBytes, compiler: Any, **options: Any) -> str:
    return f"octet_length({_value(element, compiler, 'TEXT', options)})"


@compiles(_StoredBytes, "sqlite")
def _on_sqlite(element: _StoredBytes, compiler: Any, **options: Any) -> str:
    return f"length({_value(element, compiler, 'BLOB', options)})"


def _value(element: _StoredBytes, compiler: Any, target: str, options: Any) -> str:
    """The value as bytes or text: of one cast to text SQLite would count the characters."""
    (value,) = element.clauses
    told = str(compiler.process(value, **options))
    return told if isinstance(value.type, sa.LargeBinary) else f"CAST({told} AS {target})"


def stored_bytes(*columns: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """How many bytes all these columns of a row take, those that are NULL none."""
    total: sa.ColumnElement[int] = sa.literal(0, sa.BigInteger())
    for column in columns:
        total += sa.func.coalesce(_StoredBytes(column), 0)
    return total


def cut(keys: Sequence[Row], sizes: Sequence[int], limit: int) -> Page[Row]:
    """The first of these that make up a page of at most `limit`, at least one where there are any.

    `keys` are at most `limit` + 1, the last of which only tells that there is more.
    """
    total = 0
    for count, size in enumerate(sizes[:limit]):
        total += size
        if count and total > MOST_BYTES:
            return Page(list(keys[:count]), more=True)
    return Page(list(keys[:limit]), more=len(keys) > limit)
