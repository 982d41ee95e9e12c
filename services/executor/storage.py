"""Queries about claims. Every write of one names the epoch and version it was read at; none says: another has it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from services.chassis.db import Tx, insert_new
from services.executor.domain.claims import Claim, ClaimState, Key
from services.executor.domain.queues import Line, Queue
from services.executor.schema import HELD, OPEN, WAITING, WATCHED
from services.executor.schema import claim as table

_NAMES = [field.name for field in fields(Claim)]
_COLUMNS = [table.c[name] for name in _NAMES]
SELECT = sa.select(*_COLUMNS)
"""Of claims, as `claims` reads them."""
_KEY = tuple(table.c[name] for name in Key._fields)
_AT = [table.c[name] == sa.bindparam(f"b_{name}") for name in (*Key._fields, "epoch")]
_HELD = sa.update(table).where(*_AT, HELD)
_RENEW = _HELD.values({name: sa.bindparam(name) for name in ("lease_until_us", "lane", "queue")})
_ORPHANED = (
    SELECT.where(HELD, table.c.lease_until_us <= sa.bindparam("now"))
    .order_by(table.c.lease_until_us)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_WATCHED_ACCOUNTS = sa.select(table.c.account).where(WATCHED).distinct()
_RELEASE = _HELD.values(state=int(ClaimState.ACCEPTED), holder="", lease_until_us=0, version=table.c.version + 1)


def insert(tx: Tx, claims: Sequence[Claim]) -> set[Key]:
    """Store new claims; return which were new."""
    # In the order in which everybody locks claims.
    rows = [_values(each) for each in sorted(claims, key=lambda claim: claim.key)]
    return {Key._make(row) for row in insert_new(tx, table, rows)}


def lock(tx: Tx, keys: Collection[Key]) -> dict[Key, Claim]:
    """Return those claims that exist, locked until the end of the transaction, always in one order."""
    query = SELECT.where(*_are(keys)).order_by(*_KEY).with_for_update()
    return {claim.key: claim for claim in claims(tx, query)}


def ask_to_end(tx: Tx, key: Key, reason: str) -> None:
    """Record the wish that a claim be ended. It changes no version: whoever holds the claim goes on holding it."""
    tx.execute(sa.update(table).where(*_is(key)).values(cancel=True, cancel_reason=reason))


def asked_to_end(tx: Tx, keys: Collection[Key]) -> dict[Key, str]:
    """Return those of these claims that are to be ended, and why."""
    if not keys:
        return {}
    rows = tx.execute(sa.select(*_KEY, table.c.cancel_reason).where(*_are(keys), table.c.cancel))
    return {Key._make(row[:-1]): row[-1] for row in rows}


def lines(tx: Tx, now_us: int, limit: int) -> list[Line]:
    """Return what each queue holds; of what is due up to `limit` are counted. Costs a few index entries a queue."""
    rows = tx.execute(_LINES, {"now": now_us, "counted": limit})
    return [Line(Queue.named(row[0]), row[1], row[2]) for row in rows]


def waiting(tx: Tx, queue: Queue, now_us: int, limit: int) -> list[Claim]:
    """Return claims that are due in a queue, the longest waiting first, locked; those another looks at are left out."""
    due = (WAITING, table.c.queue == queue.name, table.c.next_try_us <= now_us)
    query = SELECT.where(*due).order_by(table.c.next_try_us).limit(limit)
    return claims(tx, query.with_for_update(skip_locked=True))


def orphaned(tx: Tx, now_us: int, limit: int) -> list[Claim]:
    """Return claims whose holder is gone, locked; those another looks at are left out."""
    return claims(tx, _ORPHANED, {"now": now_us, "most": limit})


def advance(tx: Tx, changes: Sequence[tuple[Claim, Mapping[str, Any]]]) -> list[Claim | None]:
    """Write new values to claims that still are as they were read; return how each is now, None where it is not.

    One without new values is returned as it is.
    """
    # By epoch: one executor may tell of a claim twice at once, as its former and as its present holder.
    after: dict[tuple[Key, int], Claim | None]
    after = {(before.key, before.epoch): before for before, values in changes if not values}
    alike: dict[tuple[str, ...], list[tuple[Claim, Mapping[str, Any]]]] = {}
    # In the order in which everybody locks claims.
    for before, values in sorted(changes, key=lambda change: change[0].key):
        if values:
            alike.setdefault(tuple(values), []).append((before, values))
    for columns, group in alike.items():
        rows = [_fenced(before, values) for before, values in group]
        for row, (before, values), done in zip(rows, group, _update(tx, columns, rows), strict=True):
            written = replace(before, **values, version=row["version"]) if done else None
            after[before.key, before.epoch] = written
    return [after[before.key, before.epoch] for before, _ in changes]


def _fenced(before: Claim, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, **_at(before), "b_version": before.version, "version": before.version + 1}


def _at(claim: Claim) -> dict[str, Any]:
    return {
        "b_process_id": claim.process_id,
        "b_task_id": claim.task_id,
        "b_attempt": claim.attempt,
        "b_tenant": claim.tenant,
        "b_epoch": claim.epoch,
    }


def _update(tx: Tx, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> list[bool]:
    """Run a fenced update for each row at once; where they are not all as they were, one by one to see which are."""
    statement = _advance(columns)
    if len(rows) > 1:
        savepoint = tx.begin_nested()
        if tx.execute(statement, rows).rowcount == len(rows):
            savepoint.commit()
            return [True] * len(rows)
        savepoint.rollback()
    return [tx.execute(statement, row).rowcount == 1 for row in rows]


@cache
def _advance(columns: tuple[str, ...]) -> sa.Update:
    fence = (*_AT, table.c.version == sa.bindparam("b_version"))
    return sa.update(table).where(*fence).values({name: sa.bindparam(name) for name in (*columns, "version")})


def renew(tx: Tx, held: Sequence[tuple[Claim, Queue]], until_us: int) -> None:
    """Prolong the leases of claims held at their epochs, and write which queues their workers are counted to."""
    rows = [
        {**_at(claim), "lease_until_us": until_us, "lane": queue.lane, "queue": queue.name} for claim, queue in held
    ]
    if rows:
        tx.execute(_RENEW, rows)


def release(tx: Tx, held: Sequence[Claim]) -> None:
    """Give back claims held at their epochs, however far their workers have written them: those write no more now."""
    if held:
        tx.execute(_RELEASE, [_at(claim) for claim in held])


def expire_all(tx: Tx) -> int:
    """End all leases: to be called by who knows that no other executor lives."""
    held = sa.update(table).where(HELD).values(lease_until_us=0)
    return tx.execute(held).rowcount


def watched_accounts(tx: Tx) -> list[str]:
    """Return the accounts that have jobs to be watched."""
    return list(tx.execute(_WATCHED_ACCOUNTS).scalars())


def watched(tx: Tx, account: str) -> list[Claim]:
    """Return the claims of an account whose jobs are to be watched."""
    query = SELECT.where(WATCHED, table.c.account == account).order_by(table.c.created_us)
    return claims(tx, query)


def others_live(tx: Tx, key: Key) -> bool:
    """Tell whether another claim of the same process and tenant is being worked on or watched."""
    query = sa.select(sa.func.count()).where(
        table.c.process_id == key.process_id,
        table.c.tenant == key.tenant,
        table.c.state.in_((ClaimState.CLAIMED, ClaimState.WATCHED)),
        sa.or_(table.c.task_id != key.task_id, table.c.attempt != key.attempt),
    )
    return tx.execute(query).scalar_one() > 0


def list_open(tx: Tx, tenant: str, after: tuple[int, Key] | None, limit: int) -> list[Claim]:
    """Return claims of a tenant that have not ended, by time of acceptance, from behind `after`."""
    order = (table.c.created_us, *_KEY)
    query = SELECT.where(table.c.tenant == tenant, OPEN)
    if after is not None:
        query = query.where(sa.tuple_(*order) > sa.tuple_(*map(sa.literal, (after[0], *after[1]))))
    return claims(tx, query.order_by(*order).limit(limit))


def open_of(tx: Tx, tenant: str, process_id: str) -> list[Claim]:
    """Return a process's claims that have not ended, the longest accepted first."""
    open_ = (table.c.process_id == process_id, table.c.tenant == tenant, table.c.state != ClaimState.ENDED)
    return claims(tx, SELECT.where(*open_).order_by(table.c.created_us))


def standing(tx: Tx, process_ids: Collection[str]) -> dict[tuple[str, str], bool]:
    """Of which of these processes there are claims, by tenant and process id, and whether all of them have ended."""
    ended = sa.func.min(sa.case((table.c.state == ClaimState.ENDED, 1), else_=0))
    of = (table.c.tenant, table.c.process_id)
    query = sa.select(*of, ended.label("ended")).where(table.c.process_id.in_(sorted(process_ids))).group_by(*of)
    return {(row.tenant, row.process_id): bool(row.ended) for row in tx.execute(query)}


def thin_out(tx: Tx, process_ids: Collection[str]) -> None:
    """Keep no more of the ended claims of processes than bars their dispatches, which may come again."""
    ended = (table.c.process_id.in_(sorted(process_ids)), table.c.state == ClaimState.ENDED)
    tx.execute(sa.update(table).where(*ended).values(dispatch=b"", job=b"", reason=""))


def purge(tx: Tx, before_us: int) -> int:
    """Forget claims that ended before a time; return how many."""
    ended = (table.c.state == ClaimState.ENDED, table.c.ended_us < before_us)
    return tx.execute(sa.delete(table).where(*ended)).rowcount


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(column == value for column, value in zip(_KEY, key, strict=True))


def _lines() -> sa.Select[Any]:
    """Queue by queue, from each to the next by one look into the index: none of what waits in between is read."""
    first = sa.select(sa.func.min(table.c.queue).label("queue")).where(WAITING).cte("line", recursive=True)
    following = sa.select(sa.func.min(table.c.queue)).where(WAITING, table.c.queue > first.c.queue).scalar_subquery()
    line = first.union_all(sa.select(following).where(first.c.queue.is_not(None)))
    here = (WAITING, table.c.queue == line.c.queue)
    first_us = sa.select(sa.func.min(table.c.next_try_us)).where(*here)
    due = sa.select(table.c.queue).where(*here, table.c.next_try_us <= sa.bindparam("now", type_=sa.BigInteger))
    counted = due.limit(sa.bindparam("counted", type_=sa.Integer)).correlate(line).subquery()
    count = sa.select(sa.func.count()).select_from(counted)
    return sa.select(line.c.queue, first_us.scalar_subquery(), count.scalar_subquery()).where(line.c.queue.is_not(None))


_LINES = _lines()


def _are(keys: Collection[Key]) -> tuple[sa.ColumnElement[bool], ...]:
    # SQLite searches no index for tuples, only for single columns.
    processes = {key.process_id for key in keys}
    return table.c.process_id.in_(sorted(processes)), sa.tuple_(*_KEY).in_([tuple(key) for key in keys])


def _values(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in _NAMES} | {"queue": claim.queue.name}


def claims(tx: Tx, query: sa.Select[Any], given: Mapping[str, Any] | None = None) -> list[Claim]:
    """Return the claims that a query which is made of SELECT finds."""
    return [_claim(row) for row in tx.execute(query, given)]


def _claim(row: Iterable[Any]) -> Claim:
    return Claim(*row)
