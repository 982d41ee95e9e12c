"""The change of the master key."""

from services.chassis.db import Database
from services.profile.storage import sealed
from services.profile.vault import seal
from services.profile.vault.master import MasterKey, MasterKeyError


def rewrap_all(db: Database, old: MasterKey, new: MasterKey) -> int:
    """Wrap every data key by the new master key, all in one transaction; returns how many the old one wrapped.

    Raises MasterKeyError where anything is sealed with a third one, and SealBroken where a row was tampered with.
    """
    with db.write() as tx:
        strangers = sealed.master_key_ids(tx) - {old.key_id, new.key_id}
        if strangers:
            others = ", ".join(sorted(strangers))
            raise MasterKeyError(
                f"what is stored is sealed with {others} and the present key is {old.key_id}: restore it"
            )
        count = 0
        for wrapped in sealed.wrapped_by(tx, old.key_id):
            data_key = seal.rewrap(old, new, wrapped.tenant, wrapped.sealed_id, wrapped.data_key)
            sealed.rewrap(tx, wrapped, new.key_id, data_key)
            count += 1
    return count


def is_in_use(db: Database, key: MasterKey) -> bool:
    """Whether anything is sealed with a key."""
    with db.read() as tx:
        return key.key_id in sealed.master_key_ids(tx)
