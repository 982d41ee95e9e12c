"""What profile does when it starts: find its master key, its first tenant and user, and tell of what it has."""

from pathlib import Path

from services.chassis.db import Database, now_us
from services.profile.domain.tenants import FIRST_TENANT, Tenant
from services.profile.domain.users import FIRST_USER, ROLES, User
from services.profile.handlers.losing import drop_sealed
from services.profile.handlers.publishing import Publisher
from services.profile.storage import sealed, tenants, unpublished, users
from services.profile.vault import master
from vahana.event.v1 import sync_pb2

_BATCH = 200
"""Rows published in one transaction."""
_GIVEN, _LOST = "VAHANA_MASTER_KEY", "VAHANA_MASTER_KEY_LOST"


def open_vault(db: Database, path: Path, given: str = "", *, lost: str = "") -> master.MasterKey:
    """The master key given in base64 or, where that is "", the one in the file, made where nothing is sealed yet.

    What is sealed with the key of the id `lost` is deleted first. Raises MasterKeyError, also where the key is not the
    one that all else is sealed with.
    """
    if lost:
        _require_lost(path, given, lost)
        drop_sealed(db, lost)
    with db.read() as tx:
        used = sealed.master_key_ids(tx)
    source = _GIVEN if given else str(path)
    key = master.parse(given, source) if given else _from_file(path, used)
    if used - {key.key_id}:
        raise _another(used - {key.key_id}, f"{source} is {key.key_id}", source)
    return key


def _from_file(path: Path, used: set[str]) -> master.MasterKey:
    if not path.exists():
        if used:
            raise _another(used, f"there is no {path}", str(path))
        master.create(path)
    following = master.next_file(path)
    # A rotation was cut short between the commit of its transaction and the change of the file.
    if following.exists() and master.load(following).key_id in used:
        master.promote(path)
    return master.load(path)


def _require_lost(path: Path, given: str, lost: str) -> None:
    """Raise MasterKeyError where the key said to be lost is there."""
    there = [master.parse(given, _GIVEN)] if given else []
    there += [master.load(each) for each in (path, master.next_file(path)) if not given and each.exists()]
    if any(key.key_id == lost for key in there):
        raise master.MasterKeyError(f"master key {lost} is not lost but in use: take {_LOST} away")


def _another(used: set[str], present: str, source: str) -> master.MasterKeyError:
    """The refusal of a key that is not the one in use, with all ways out."""
    others = ", ".join(sorted(used))
    return master.MasterKeyError(
        f"what is stored is sealed with master key {others}, and {present}: put that key into {source}, or name a file"
        f" with it in VAHANA_MASTER_KEY_FILE, as every replica must; only if it is lost for good, start once with"
        f" {_LOST}={min(used)}, which deletes all that is sealed with it"
    )


def ensure_first(db: Database, publisher: Publisher) -> None:
    """See that the first tenant and its administrator exist, and that all tenants and users are published."""
    with db.write() as tx:
        tenants.insert(tx, Tenant(FIRST_TENANT, "Default", now_us(tx)))
        first = User(FIRST_USER, "Administrator", create_time_us=now_us(tx), roles=frozenset(ROLES))
        users.insert(tx, FIRST_TENANT, first)
    while _publish_tenants(db, publisher):
        pass
    while _publish_users(db, publisher):
        pass


def _publish_tenants(db: Database, publisher: Publisher) -> bool:
    """Publish some tenants; False where all are."""
    with db.write() as tx:
        found = unpublished.tenants(tx, sync_pb2.ENTITY_KIND_TENANT, _BATCH)
        for tenant in found:
            publisher.tenant(tx, tenant)
    return bool(found)


def _publish_users(db: Database, publisher: Publisher) -> bool:
    """Publish some users; False where all are."""
    with db.write() as tx:
        found = unpublished.users(tx, sync_pb2.ENTITY_KIND_USER, _BATCH)
        for tenant, user in found:
            publisher.user(tx, tenant, user)
    return bool(found)
