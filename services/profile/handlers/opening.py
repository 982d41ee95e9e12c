"""What profile does when it starts: find its master key, its first tenant and user, and tell of what it has."""

from pathlib import Path

from services.chassis.db import Database, now_us
from services.profile.domain.tenants import FIRST_TENANT, Tenant
from services.profile.domain.users import FIRST_USER, ROLES, User
from services.profile.handlers.publishing import Publisher
from services.profile.storage import credentials, sealed, tenants, unpublished, users
from services.profile.vault import master
from vahana.event.v1 import sync_pb2

_BATCH = 200
"""Rows published in one transaction."""


def open_vault(db: Database, path: Path, given: str = "") -> master.MasterKey:
    """The master key given in base64 or, where that is "", the one in the file, made where no credential is stored yet.

    Raises MasterKeyError, also where it is not the one that the stored credentials were sealed with.
    """
    with db.read() as tx:
        used, pending = credentials.master_key_ids(tx), sealed.master_key_ids(tx)
    if given:
        source, way_out = "VAHANA_MASTER_KEY", "give that key"
        key = master.parse(given, source)
    else:
        source, way_out = str(path), "restore the file"
        key = _from_file(path, used, pending)
    if used - {key.key_id}:
        others = ", ".join(sorted(used - {key.key_id}))
        raise master.MasterKeyError(f"credentials are sealed with {others} and {source} is {key.key_id}: {way_out}")
    return key


def _from_file(path: Path, used: set[str], pending: set[str]) -> master.MasterKey:
    if not used and not path.exists():
        master.create(path)
    following = master.next_file(path)
    # A rotation was cut short between the commit of its transaction and the change of the file.
    if following.exists() and master.load(following).key_id in pending:
        master.promote(path)
    return master.load(path)


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
