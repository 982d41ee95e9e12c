"""How claims are found among all that have ended: by an index, in a real database of either kind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.db import Database, Tx
from services.executor import storage, wire
from services.executor.domain.claims import ClaimState, Key
from tests.contract.executor.support import dispatch

KEYS = [Key(f"proc-{number}", task, 1, "default") for number in (7, 8, 900) for task in ("env-setup", "submit")]


@pytest.fixture
def many(db: Database) -> Database:
    """A database of many claims, most of which have ended."""
    with db.write() as tx:
        claims = [
            replace(
                wire.new_claim("default", dispatch(task, process_id=f"proc-{number}"), 0),
                state=ClaimState.ENDED if number > 10 else ClaimState.CLAIMED,
                cancel=True,
                cancel_reason="by ada",
            )
            for number in range(1500)
            for task in ("env-setup", "submit")
        ]
        storage.insert(tx, claims)
        if db.dialect == "postgresql":
            tx.execute(sa.text("ANALYZE claim"))
    return db


@pytest.mark.parametrize("search", [storage.lock, storage.asked_to_end])
def test_several_claims_are_found_by_their_key(many: Database, search: Callable[..., dict[Key, Any]]) -> None:
    with many.write() as tx:
        plan, found = _plan(tx, lambda: search(tx, KEYS))
        assert sorted(found) == sorted(KEYS)
        assert list(search(tx, KEYS[:1])) == KEYS[:1]
        assert search(tx, []) == {}
    if many.dialect == "sqlite":
        assert "SEARCH claim USING" in plan
        assert "SCAN claim" not in plan
    else:
        assert "claim_pkey" in plan
        assert "Seq Scan" not in plan


def _plan(tx: Tx, search: Callable[[], dict[Key, Any]]) -> tuple[str, dict[Key, Any]]:
    """How the database goes about a search, and what that finds."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    sa.event.listen(tx, "before_cursor_execute", note)
    found = search()
    sa.event.remove(tx, "before_cursor_execute", note)
    ((statement, parameters),) = said
    explain = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
    plan = tx.exec_driver_sql(f"{explain} {statement}", parameters)
    return " ".join(str(row) for row in plan), found
