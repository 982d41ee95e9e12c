"""Looking entities up: in the copy, at the owner where it lacks them, and what counts when the owner is away."""

import threading

import pytest

from services.chassis.changes import PROFILE
from services.chassis.copies import Copies
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.errors import Unavailable
from services.chassis.outbox import Outbox
from services.chassis.sources import EntitySource
from tests.contract.platform.entity_parts import GROUP, MEMBER, FakePeer, group, member, rows
from vahana.profile.v1 import group_pb2

Group, GroupMember = group_pb2.Group, group_pb2.GroupMember


@pytest.fixture
def owner(tmp_path, metadata):
    database = Database(f"sqlite:///{tmp_path}/owner.db", metadata)
    database.create_tables()
    yield database
    database.close()


@pytest.fixture
def entities(metadata):
    return Entities(metadata, Outbox(metadata))


@pytest.fixture
def peer(owner, entities):
    return FakePeer(owner, entities)


@pytest.fixture
def source(db, entities, peer):
    return EntitySource(db, entities, {PROFILE: peer})


@pytest.fixture
def publish(owner, entities):
    def publish(kind, name, message, parent=""):
        with owner.write() as tx:
            entities.publish(tx, kind, "t", name, message, parent)

    return publish


@pytest.fixture
def whole(db, entities, peer):
    """Makes the copy whole, as it would be after the start."""

    def whole():
        Copies(db, entities, (GROUP, MEMBER), {PROFILE: peer}).fill(threading.Event())
        peer.asked.clear()

    return whole


def test_what_the_copy_has_is_not_asked_for(source, peer, publish, whole):
    publish(GROUP, "a", group("a"))
    whole()
    assert source.find(GROUP, "t", "a", Group) == group("a")
    assert peer.asked == []


def test_what_the_copy_lacks_is_asked_for_once(source, peer, publish, whole, db, owner):
    whole()
    publish(GROUP, "a", group("a"))
    for _ in range(2):
        assert source.find(GROUP, "t", "a", Group) == group("a")
    assert peer.asked == [(GROUP, "t", "a", "")]
    assert rows(db) == rows(owner)


def test_what_was_deleted_is_asked_for_again(source, publish, whole):
    publish(GROUP, "a", group("a"))
    publish(GROUP, "a", None)
    whole()
    publish(GROUP, "a", group("a", "anew"))
    assert source.find(GROUP, "t", "a", Group) == group("a", "anew")


def test_what_nobody_has_is_none(source, publish, whole):
    assert source.find(GROUP, "t", "a", Group) is None
    whole()
    assert source.find(GROUP, "t", "a", Group) is None
    assert source.find(GROUP, "t", "", Group) is None
    assert source.children(MEMBER, "t", "user:ada", GroupMember) == []


def test_asking_says_nothing_of_how_far_the_copy_is(source, publish, db, entities):
    publish(GROUP, "a", group("a"))
    source.find(GROUP, "t", "a", Group)
    with db.read() as tx:
        assert entities.state(tx, PROFILE).version == 0


def test_without_the_owner_a_whole_copy_is_believed(source, peer, publish, whole):
    publish(GROUP, "a", group("a"))
    whole()
    peer.away = True
    assert source.find(GROUP, "t", "b", Group) is None
    assert source.children(MEMBER, "t", "user:ada", GroupMember) == []
    assert source.fresh().find(GROUP, "t", "a", Group) == group("a")


def test_without_the_owner_a_partial_copy_is_not_believed(source, peer, publish):
    publish(GROUP, "a", group("a"))
    source.find(GROUP, "t", "a", Group)
    peer.away = True
    assert source.find(GROUP, "t", "a", Group) == group("a")
    with pytest.raises(Unavailable):
        source.find(GROUP, "t", "b", Group)
    with pytest.raises(Unavailable):
        source.children(MEMBER, "t", "user:ada", GroupMember, expected=False)


def test_what_is_no_news_waits_for_no_writer(source, publish, whole, db, monkeypatch):
    publish(GROUP, "a", group("a"))
    publish(GROUP, "a", None)
    publish(MEMBER, "b/user:ada", member("b", "ada"), "user:ada")
    whole()

    def refused():
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr(db, "write", refused)
    assert source.find(GROUP, "t", "a", Group) is None
    assert source.fresh().children(MEMBER, "t", "user:ada", GroupMember) == [member("b", "ada")]
    monkeypatch.undo()
    publish(GROUP, "a", group("a", "anew"))
    assert source.find(GROUP, "t", "a", Group) == group("a", "anew")


def test_a_source_for_one_use_asks_a_silent_owner_once(source, peer, whole):
    whole()
    peer.away = True
    once = source.once()
    assert once.answered(GROUP)
    for name in "abc":
        assert once.find(GROUP, "t", name, Group) is None
        assert once.fresh().children(MEMBER, "t", f"user:{name}", GroupMember) == []
    assert len(peer.asked) == 1
    assert not once.answered(GROUP)
    assert source.find(GROUP, "t", "a", Group) is None
    assert len(peer.asked) == 2


def test_a_source_for_one_use_believes_the_copy_first(source, peer, publish, whole):
    publish(GROUP, "a", group("a"))
    whole()
    assert source.once().find(GROUP, "t", "a", Group) == group("a")
    assert peer.asked == []


def test_children_are_asked_for_where_some_are_expected(source, peer, publish, whole):
    whole()
    publish(MEMBER, "a/user:ada", member("a", "ada"), "user:ada")
    assert source.children(MEMBER, "t", "user:ada", GroupMember, expected=False) == []
    assert peer.asked == []
    assert source.children(MEMBER, "t", "user:ada", GroupMember) == [member("a", "ada")]
    assert peer.asked == [(MEMBER, "t", "", "user:ada")]


def test_children_of_a_copy_never_whole_are_asked_for_always(source, publish):
    for name in ("a", "b"):
        publish(MEMBER, f"{name}/user:ada", member(name, "ada"), "user:ada")
        found = source.children(MEMBER, "t", "user:ada", GroupMember, expected=False)
        assert found[-1] == member(name, "ada")
    assert len(found) == 2


def test_a_fresh_source_asks_before_it_believes(source, publish, whole):
    publish(GROUP, "a", group("a"))
    publish(MEMBER, "a/user:ada", member("a", "ada"), "user:ada")
    whole()
    publish(GROUP, "a", group("a", "again"))
    publish(MEMBER, "a/user:ada", None, "user:ada")
    fresh = source.fresh()
    assert source.find(GROUP, "t", "a", Group) == group("a")
    assert fresh.find(GROUP, "t", "a", Group) == group("a", "again")
    assert fresh.children(MEMBER, "t", "user:ada", GroupMember) == []
    assert source.find(GROUP, "t", "a", Group) == group("a", "again")


def test_a_fresh_source_asks_a_silent_owner_once(source, peer, publish, whole):
    publish(GROUP, "a", group("a"))
    whole()
    peer.away = True
    fresh = source.fresh()
    for _ in range(3):
        assert fresh.find(GROUP, "t", "a", Group) == group("a")
    assert len(peer.asked) == 1
    peer.away = False
    assert source.fresh().find(GROUP, "t", "a", Group) == group("a")
    assert len(peer.asked) == 2
