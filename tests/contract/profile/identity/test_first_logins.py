"""First logins at once, on both databases, as replicas of profile meet them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.errors import NotAllowed
from services.chassis.outbox import Outbox
from services.profile.domain.identity_providers import IdentityProvider
from services.profile.handlers.logins import Logins
from services.profile.handlers.opening import ensure_first
from services.profile.handlers.publishing import Publisher
from services.profile.oidc.key_cache import KeyCache
from services.profile.oidc.tokens import read
from services.profile.schema import account_link, metadata, user
from services.profile.storage import identity_providers
from tests.contract.profile.provider import AUDIENCE, Provider

AT_ONCE = 6


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def db(database_url, provider):
    db = Database(database_url, metadata)
    db.create_tables()
    ensure_first(db, publisher())
    trusted = IdentityProvider("campus", provider.issuer, AUDIENCE, jwks=provider.jwks(), provision_users=True)
    with db.write() as tx:
        identity_providers.insert(tx, "default", trusted)
    yield db
    db.close()


def publisher():
    return Publisher(Entities(metadata, Outbox(metadata)))


@pytest.fixture
def log_in(db):
    """`log_in(token)`, by a replica of its own: the user, or the refusal."""

    def at_a_replica(token):
        try:
            return Logins(db, publisher(), KeyCache(lambda _: b"")).user_of(read(token))[1]
        except NotAllowed as refusal:
            return type(refusal)

    return at_a_replica


def stored(db, table):
    with db.read() as tx:
        return tx.execute(sa.select(table)).all()


def test_one_person_becomes_one_user(db, log_in, provider):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(log_in, [provider.token() for _ in range(AT_ONCE)]))
    assert outcomes == ["grace"] * AT_ONCE
    assert [row.name for row in stored(db, user) if row.name != "admin"] == ["grace"]
    assert [(row.subject, row.user_name) for row in stored(db, account_link)] == [("248289", "grace")]


def test_one_name_becomes_one_persons(db, log_in, provider):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(log_in, [provider.token(f"{number}") for number in range(AT_ONCE)]))
    assert sorted(outcomes, key=str) == sorted(["grace"] + [NotAllowed] * (AT_ONCE - 1), key=str)
    assert len(stored(db, account_link)) == 1
    assert len(stored(db, user)) == 2
