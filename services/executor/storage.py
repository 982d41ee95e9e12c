"""Queries about claims. Every write of one names the epoch and version it was read at; none says: another has it."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa

from services.chassis.db import Tx, insert_ignore
from services.executor.domain.claims import Claim, ClaimState, Key
from services.executor.schema import claim as table

_COLUMNS = [table.c[field.name] for field in fields(Claim)]
_KEY = (table.c.process_id, table.c.task_id, table.c.attempt)


def insert(tx: Tx, claims: Sequence[Claim]) -> int:
    """Store new claims; return how many were new."""
    return insert_ignore(tx, table, [_values(each) for each in claims])


def lock(tx: Tx, keys: Sequence[Key]) -> dict[Key, Claim]:
    """Return those claims that exist, locked until the end of the transaction, always in one order."""
    query = sa.select(*_COLUMNS).where(*_are(keys)).order_by(*_KEY).with_for_update()
    return {claim.key: claim for claim in _claims(tx, query)}


def ask_to_end(tx: Tx, key: Key, reason: str) -> None:
    """Record the wish that a claim be ended. It changes no version: whoever holds the claim goes on holding it."""
    tx.execute(sa.update(table).where(*_is(key)).values(cancel=True, cancel_reason=reason))


def asked_to_end(tx: Tx, keys: Collection[Key]) -> dict[Key, str]:
    """Return those of these claims that are to be ended, and why."""
    if not keys:
        return {}
    rows = tx.execute(sa.select(*_KEY, table.c.cancel_reason).where(*_are(keys), table.c.cancel))
    return {Key(*row[:3]): row[3] for row in rows}


def claimable(
    tx: Tx, now_us: int, types: Collection[int], full: Collection[tuple[int, str]], limit: int
) -> list[Claim]:
    """Return claims that wait for a worker, the longest waiting first, and with them those whose holder is gone.

    `full`: (type, host) pairs that may have no more workers. Rows another executor looks at now are passed over.
    """
    waiting = sa.and_(table.c.state == ClaimState.ACCEPTED, table.c.next_try_us <= now_us)
    orphaned = sa.and_(table.c.state == ClaimState.CLAIMED, table.c.lease_until_us <= now_us)
    barred = [sa.not_(sa.and_(table.c.type == type_, table.c.host == host)) for type_, host in full]
    query = (
        sa.select(*_COLUMNS)
        .where(sa.or_(waiting, orphaned), table.c.type.in_(types), *barred)
        .order_by(table.c.next_try_us, table.c.created_us)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _claims(tx, query)


def next_try(tx: Tx) -> int | None:
    """Return when the next waiting claim may be tried."""
    query = sa.select(sa.func.min(table.c.next_try_us)).where(table.c.state == ClaimState.ACCEPTED)
    return tx.execute(query).scalar_one_or_none()


def advance(tx: Tx, before: Claim, **values: Any) -> Claim | None:
    """Write to a claim, if it still is as it was read; return how it is now, or None: abandon the work."""
    values["version"] = before.version + 1
    unchanged = (table.c.epoch == before.epoch, table.c.version == before.version)
    done = tx.execute(sa.update(table).where(*_is(before.key), *unchanged).values(**values))
    return replace(before, **values) if done.rowcount == 1 else None


def renew(tx: Tx, held: Sequence[tuple[Key, int]], until_us: int) -> None:
    """Prolong the leases of claims held at these epochs."""
    statement = (
        sa.update(table)
        .where(
            table.c.process_id == sa.bindparam("b_process"),
            table.c.task_id == sa.bindparam("b_task"),
            table.c.attempt == sa.bindparam("b_attempt"),
            table.c.epoch == sa.bindparam("b_epoch"),
            table.c.state == ClaimState.CLAIMED,
        )
        .values(lease_until_us=until_us)
    )
    rows = [
        {"b_process": key.process_id, "b_task": key.task_id, "b_attempt": key.attempt, "b_epoch": epoch}
        for key, epoch in held
    ]
    if rows:
        tx.execute(statement, rows)


def release(tx: Tx, claim: Claim) -> bool:
    """Give back a claim held at this epoch, however far its worker has written it by now; it writes no more then."""
    held = (*_is(claim.key), table.c.epoch == claim.epoch, table.c.state == ClaimState.CLAIMED)
    values = {"state": ClaimState.ACCEPTED, "holder": "", "lease_until_us": 0, "version": table.c.version + 1}
    return tx.execute(sa.update(table).where(*held).values(**values)).rowcount == 1


def expire_all(tx: Tx) -> int:
    """End all leases: to be called by who knows that no other executor lives."""
    held = sa.update(table).where(table.c.state == ClaimState.CLAIMED).values(lease_until_us=0)
    return tx.execute(held).rowcount


def watched_accounts(tx: Tx) -> list[str]:
    """Return the accounts that have jobs to be watched."""
    query = sa.select(table.c.account).where(table.c.state == ClaimState.WATCHED).distinct()
    return list(tx.execute(query).scalars())


def watched(tx: Tx, account: str) -> list[Claim]:
    """Return the claims of an account whose jobs are to be watched."""
    query = (
        sa.select(*_COLUMNS)
        .where(table.c.state == ClaimState.WATCHED, table.c.account == account)
        .order_by(table.c.created_us)
    )
    return _claims(tx, query)


def others_live(tx: Tx, key: Key) -> bool:
    """Tell whether another claim of the same process is being worked on or watched."""
    query = sa.select(sa.func.count()).where(
        table.c.process_id == key.process_id,
        table.c.state.in_((ClaimState.CLAIMED, ClaimState.WATCHED)),
        sa.or_(table.c.task_id != key.task_id, table.c.attempt != key.attempt),
    )
    return tx.execute(query).scalar_one() > 0


def list_open(tx: Tx, tenant: str, after: tuple[int, Key] | None, limit: int) -> list[Claim]:
    """Return claims of a tenant that have not ended, by time of acceptance, from behind `after`."""
    order = (table.c.created_us, *_KEY)
    query = sa.select(*_COLUMNS).where(table.c.tenant == tenant, table.c.state != ClaimState.ENDED)
    if after is not None:
        query = query.where(sa.tuple_(*order) > sa.tuple_(*map(sa.literal, (after[0], *after[1]))))
    return _claims(tx, query.order_by(*order).limit(limit))


def purge(tx: Tx, before_us: int) -> int:
    """Forget claims that ended before a time; return how many."""
    ended = (table.c.state == ClaimState.ENDED, table.c.ended_us < before_us)
    return tx.execute(sa.delete(table).where(*ended)).rowcount


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.process_id == key.process_id, table.c.task_id == key.task_id, table.c.attempt == key.attempt


def _are(keys: Collection[Key]) -> tuple[sa.ColumnElement[bool], ...]:
    # SQLite searches no index for tuples, only for single columns.
    processes = {key.process_id for key in keys}
    return table.c.process_id.in_(sorted(processes)), sa.tuple_(*_KEY).in_([tuple(key) for key in keys])


def _values(claim: Claim) -> dict[str, Any]:
    return {field.name: getattr(claim, field.name) for field in fields(Claim)}


def _claims(tx: Tx, query: sa.Select[Any]) -> list[Claim]:
    return [Claim(**row) for row in tx.execute(query).mappings()]
