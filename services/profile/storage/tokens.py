"""API tokens in the database: their digests, and for a while the sealed answers to the requests that made them."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from services.chassis.db import Tx
from services.profile.domain.credentials import SealedKey
from services.profile.domain.tokens import ApiToken
from services.profile.schema import api_token as table
from services.profile.schema import api_token_answer as answers

_MINUTE_US = 60 * 1_000_000


def insert_new(tx: Tx, token: ApiToken) -> None:
    """Store a new token of a stored user of its tenant."""
    values = {**asdict(token), "scopes": " ".join(sorted(token.scopes))}
    values["user_name"] = values.pop("user")
    tx.execute(insert(table).values(values))


def find_by_id(tx: Tx, token_id: str) -> ApiToken | None:
    """The token of that id, of whichever tenant: for who shows it, before it is known whose it is."""
    row = tx.execute(select(table).where(table.c.token_id == token_id)).first()
    return _token(row) if row else None


def find(tx: Tx, tenant: str, token_id: str) -> ApiToken | None:
    """The token of that id."""
    row = tx.execute(select(table).where(table.c.tenant == tenant, table.c.token_id == token_id)).first()
    return _token(row) if row else None


def of_user(tx: Tx, tenant: str, user: str) -> list[ApiToken]:
    """All tokens kept of a user: never many, as old ones are forgotten."""
    return [_token(row) for row in tx.execute(select(table).where(table.c.tenant == tenant, table.c.user_name == user))]


def page(tx: Tx, tenant: str, user: str | None, after: str, limit: int) -> list[ApiToken]:
    """The first `limit` tokens of a user, None for all users, whose ids come after `after`, by id."""
    later = [table.c.tenant == tenant, table.c.token_id > after]
    if user is not None:
        later.append(table.c.user_name == user)
    return [_token(row) for row in tx.execute(select(table).where(*later).order_by(table.c.token_id).limit(limit))]


def revoke(tx: Tx, tenant: str, token_id: str, time_us: int) -> None:
    """End a token, unless it was ended before."""
    here = (table.c.tenant == tenant, table.c.token_id == token_id, table.c.revoke_time_us.is_(None))
    tx.execute(update(table).where(*here).values(revoke_time_us=time_us))


def touch(tx: Tx, tenant: str, token_id: str, time_us: int) -> None:
    """Note, to the minute, when a token was last shown."""
    minute = time_us - time_us % _MINUTE_US
    here = (table.c.tenant == tenant, table.c.token_id == token_id)
    older = table.c.last_use_time_us.is_(None) | (table.c.last_use_time_us < minute)
    tx.execute(update(table).where(*here, older).values(last_use_time_us=minute))


def forget(tx: Tx, tenant: str, token_ids: list[str]) -> None:
    """Delete tokens, and the answers that hold them."""
    for one in (table, answers):
        tx.execute(delete(one).where(one.c.tenant == tenant, one.c.token_id.in_(token_ids)))


def keep_answer(tx: Tx, tenant: str, token_id: str, sealed: SealedKey, time_us: int) -> None:
    """Store a sealed token for repeats of its request."""
    tx.execute(insert(answers).values(tenant=tenant, token_id=token_id, create_time_us=time_us, **asdict(sealed)))


def find_answer(tx: Tx, tenant: str, token_id: str) -> SealedKey | None:
    """The sealed token of that id."""
    here = (answers.c.tenant == tenant, answers.c.token_id == token_id)
    row = tx.execute(select(answers).where(*here)).first()
    return SealedKey(row.master_key_id, row.wrapped_data_key, row.ciphertext) if row else None


def purge_answers(tx: Tx, before_us: int) -> None:
    """Delete the sealed tokens, of all tenants, whose requests can't be repeated any more."""
    tx.execute(delete(answers).where(answers.c.create_time_us < before_us))


def _token(row: Row[Any]) -> ApiToken:
    stored = row._asdict()
    user, scopes = stored.pop("user_name"), frozenset(stored.pop("scopes").split())
    return ApiToken(user=user, scopes=scopes, **stored)
