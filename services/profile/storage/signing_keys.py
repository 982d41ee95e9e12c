"""The mesh's signing keys in the database. They belong to no tenant."""

from typing import Any

from sqlalchemy import Row, delete, select

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.credentials import SealedKey
from services.profile.domain.signing_keys import SigningKey
from services.profile.schema import signing_key as table


def insert(tx: Tx, key: SigningKey) -> bool:
    """Store a new key; False where another process has stored one of its generation."""
    row = {
        "key_id": key.key_id,
        "generation": key.generation,
        "public_key": key.public_key,
        "start_time_us": key.start_time_us,
        "master_key_id": key.sealed.master_key_id,
        "wrapped_data_key": key.sealed.wrapped_data_key,
        "ciphertext": key.sealed.ciphertext,
    }
    return insert_ignore(tx, table, [row]) == 1


def every(tx: Tx) -> list[SigningKey]:
    """All keys, the oldest first."""
    return [_key(row) for row in tx.execute(select(table).order_by(table.c.generation))]


def remove(tx: Tx, key_id: str) -> None:
    """Forget a key."""
    tx.execute(delete(table).where(table.c.key_id == key_id))


def _key(row: Row[Any]) -> SigningKey:
    sealed = SealedKey(row.master_key_id, row.wrapped_data_key, row.ciphertext)
    return SigningKey(row.key_id, row.generation, row.public_key, row.start_time_us, sealed)
