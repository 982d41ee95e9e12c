"""Signing keys at work: minted with, rotated and published, on both databases."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from services.chassis.db import Database
from services.chassis.errors import TokenInvalid, Unavailable
from services.chassis.rpc.access_tokens import AccessTokenVerifier
from services.chassis.rpc.auth import Identity
from services.chassis.rpc.keys import Keys
from services.profile.domain.signing_keys import NOTICE_US, PERIOD_US
from services.profile.handlers import signing_keys as module
from services.profile.handlers.signing_keys import SigningKeys
from services.profile.schema import metadata, signing_key
from services.profile.vault import jwks_file
from services.profile.vault.master import MasterKey, MasterKeyError

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
ADA = Identity("ada", "default", frozenset({"admin"}), frozenset({"registry:read"}), "tok-1")


class Clock:
    def __init__(self):
        self.us = START

    def __call__(self):
        return self.us


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def db(database_url):
    db = Database(database_url, metadata)
    db.create_tables()
    yield db
    db.close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "jwks.json"


@pytest.fixture
def replica(db, file, clock):
    """`replica()`: one of the processes that share the database."""

    def start(master=b"m" * 32):
        keys = SigningKeys(db, MasterKey(master), file, clock)
        keys.refresh()
        return keys

    return start


def published(file):
    return [key["kid"] for key in json.loads(file.read_text())["keys"]]


def key_of(minted):
    return jwt.get_unverified_header(minted.token)["kid"]


def test_what_is_minted_is_taken_by_every_service(replica, file, clock):
    keys = replica()
    verifier = AccessTokenVerifier(Keys(file), clock=lambda: clock.us / SECOND)
    minted = keys.mint(ADA)
    assert verifier.verify(minted.token) == ADA
    assert minted.expire_time_us == START + 300 * SECOND
    clock.us = minted.expire_time_us + 6 * SECOND
    with pytest.raises(TokenInvalid):
        verifier.verify(minted.token)
    assert minted.token not in repr(minted)


def test_a_token_ends_no_later_than_told(replica):
    keys = replica()
    assert keys.mint(ADA, START + 10 * SECOND + 1).expire_time_us == START + 10 * SECOND
    assert keys.mint(ADA, START + 900 * SECOND).expire_time_us == START + 300 * SECOND
    for over in (0, START - SECOND, START, START + SECOND - 1):
        with pytest.raises(TokenInvalid):
            keys.mint(ADA, over)


def test_nothing_is_minted_without_a_key(db, file, clock):
    with pytest.raises(Unavailable):
        SigningKeys(db, MasterKey(b"m" * 32), file, clock).mint(ADA)


def test_keys_stay_over_a_restart_and_nothing_secret_is_stored_open(replica, db, file):
    first = key_of(replica().mint(ADA))
    written = file.stat().st_mtime_ns
    assert key_of(replica().mint(ADA)) == first
    assert published(file) == [first]
    assert file.stat().st_mtime_ns == written
    assert file.stat().st_mode & 0o777 == 0o644
    assert '"d"' not in file.read_text()
    assert [path.name for path in file.parent.glob("jwks*")] == ["jwks.json"]


def test_a_key_is_published_a_day_before_it_signs_and_as_long_as_its_tokens_live(replica, file, clock):
    keys = replica()
    old = key_of(keys.mint(ADA))

    clock.us = START + PERIOD_US - NOTICE_US - 1
    keys.refresh()
    assert published(file) == [old]

    clock.us += 1
    keys.refresh()
    _, new = published(file)
    assert [(key.key_id, expires) for key, expires in keys.public()] == [(old, None), (new, None)]
    assert key_of(keys.mint(ADA)) == old

    clock.us = START + PERIOD_US
    # It needs no refresh to sign on time.
    assert key_of(keys.mint(ADA)) == new
    assert [(key.key_id, expires) for key, expires in keys.public()] == [
        (old, START + PERIOD_US + 600 * SECOND),
        (new, None),
    ]
    keys.refresh()
    assert published(file) == [old, new]

    clock.us = START + PERIOD_US + 600 * SECOND
    keys.refresh()
    assert published(file) == [new]
    assert key_of(keys.mint(ADA)) == new


def test_keys_follow_one_another_for_a_year(replica, file, clock):
    keys, seen = replica(), set()
    for _ in range(365):
        clock.us += 24 * 3600 * SECOND
        keys.refresh()
        seen.add(key_of(keys.mint(ADA)))
        assert key_of(keys.mint(ADA)) in published(file)
        assert len(published(file)) <= 3
    assert len(seen) == 13


def test_replicas_share_their_keys(replica, clock, file):
    one, other = replica(), replica()
    assert key_of(one.mint(ADA)) == key_of(other.mint(ADA))
    clock.us = START + PERIOD_US - NOTICE_US
    threads = [threading.Thread(target=each.refresh) for each in (one, other) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.us = START + PERIOD_US
    assert key_of(one.mint(ADA)) == key_of(other.mint(ADA)) == published(file)[1]
    assert len(published(file)) == 2


def test_a_key_under_another_master_key_is_left_in_its_place(replica, clock, file):
    keys = replica()
    old = key_of(keys.mint(ADA))
    with pytest.raises(MasterKeyError, match="every replica needs the same one"):
        replica(b"n" * 32)
    assert published(file) == [old]
    clock.us += 600 * SECOND
    keys.refresh()
    assert key_of(keys.mint(ADA)) == old


def test_of_first_starts_with_different_master_keys_one_is_let_through(replica, db):
    def start(letter):
        try:
            return replica(letter * 32).mint(ADA)
        except MasterKeyError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(start, (b"a", b"b", b"c", b"d")))
    assert outcomes.count(MasterKeyError) == 3
    with db.read() as tx:
        assert len(tx.execute(signing_key.select()).all()) == 1


def test_a_replica_whose_master_key_was_changed_makes_no_key_of_its_own(replica, db, clock):
    keys = replica()
    with db.write() as tx:
        tx.execute(signing_key.update().values(master_key_id="another"))
    keys.refresh()
    assert keys.mint(ADA)
    clock.us = START + PERIOD_US - NOTICE_US
    with pytest.raises(MasterKeyError):
        keys.refresh()
    with db.read() as tx:
        assert len(tx.execute(signing_key.select()).all()) == 1


def test_a_key_put_in_anothers_place_is_not_used(replica, db, file):
    old = key_of(replica().mint(ADA))
    with db.write() as tx:
        row = tx.execute(signing_key.select()).one()
        tx.execute(signing_key.update().values(key_id="another", public_key=bytes(32)))
    new = key_of(replica().mint(ADA))
    assert new not in {old, "another"}
    assert row.key_id == old


def test_the_file_is_put_right_when_it_was_changed(replica, file):
    keys = replica()
    right = file.read_text()
    for wrong in ("", "{}", right + " "):
        file.write_text(wrong)
        keys.refresh()
        assert file.read_text() == right
    file.unlink()
    keys.refresh()
    assert file.read_text() == right


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(OSError):
        jwks_file.write(target, [])
    assert list(tmp_path.iterdir()) == [target]


def test_the_thread_goes_on_after_trouble_and_ends_when_told(replica, monkeypatch, clock):
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    keys, stop, outcomes = replica(), threading.Event(), [OSError("full"), Unavailable("away"), None, None]

    def refresh():
        outcome = outcomes.pop(0)
        if not outcomes:
            stop.set()
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(keys, "refresh", refresh)
    keys.run(stop)
    assert not outcomes
