"""Which users the identity providers know, in the database."""

from sqlalchemy import select

from services.chassis.db import Tx, insert_ignore
from services.profile.domain.identity_providers import AccountLink
from services.profile.schema import account_link as table


def find_user(tx: Tx, tenant: str, provider: str, subject: str) -> str | None:
    """The name of the user whom a provider calls `subject`."""
    here = (table.c.tenant == tenant, table.c.provider == provider, table.c.subject == subject)
    return tx.execute(select(table.c.user_name).where(*here)).scalar_one_or_none()


def insert(tx: Tx, tenant: str, link: AccountLink) -> bool:
    """Link a stored user; False where the subject is another user, or the user another subject, of that provider."""
    row = {
        "tenant": tenant,
        "provider": link.provider,
        "subject": link.subject,
        "user_name": link.user,
        "create_time_us": link.create_time_us,
    }
    return insert_ignore(tx, table, [row]) == 1
