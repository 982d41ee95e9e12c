"""What profile does when it starts: find its master key and its first tenant and user."""

from pathlib import Path

from services.chassis.db import Database, now_us
from services.profile.domain.tenants import FIRST_TENANT, Tenant
from services.profile.domain.users import FIRST_USER, User
from services.profile.storage import credentials, tenants, users
from services.profile.vault import master


def open_vault(db: Database, path: Path) -> master.MasterKey:
    """The master key in the file, made where no credential is stored yet. Raises MasterKeyError, also where it is
    not the one that the stored credentials were sealed with."""
    with db.read() as tx:
        used = credentials.master_key_ids(tx)
    if not used and not path.exists():
        master.create(path)
    key = master.load(path)
    if used - {key.key_id}:
        others = ", ".join(sorted(used - {key.key_id}))
        raise master.MasterKeyError(
            f"credentials are sealed with {others} and {path} is {key.key_id}: restore the file"
        )
    return key


def ensure_first(db: Database) -> None:
    """See that the first tenant and its administrator exist."""
    with db.write() as tx:
        tenants.insert(tx, Tenant(FIRST_TENANT, "Default", now_us(tx)))
        users.insert(tx, FIRST_TENANT, User(FIRST_USER, "Administrator", create_time_us=now_us(tx)))
