"""What is done where a master key is lost for good."""

from services.chassis import log
from services.chassis.db import Database, now_us
from services.profile.domain.credentials import Action, Use
from services.profile.storage import credentials, sealed

_BY = "profile"

_log = log.get(__name__)


def drop_sealed(db: Database, master_key_id: str) -> None:
    """Delete all that is sealed with a key that nobody has: it cannot be opened. The audit tells of each credential."""
    with db.write() as tx:
        now = now_us(tx)
        for tenant, gone in credentials.sealed_with(tx, master_key_id):
            credentials.record(tx, tenant, Use(gone.credential_id, gone.owner, Action.DELETED, _BY, now))
            _log.warning(
                "credential deleted, its master key is lost",
                tenant=tenant,
                credential=gone.credential_id,
                name=gone.name,
                owner=gone.owner,
            )
        counts = sealed.drop(tx, master_key_id)
    _log.warning("what was sealed with a lost master key is deleted", master_key=master_key_id, **counts)
