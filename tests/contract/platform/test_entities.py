"""Entities at their owner: versions, what is told of them, and reading them by name, parent and page."""

import threading

import pytest
import sqlalchemy as sa

from services.chassis import entities as module
from services.chassis.changes import PROFILE, REGISTRY, key_of
from services.chassis.entities import LARGEST_PAGE, Entities
from services.chassis.outbox import Outbox
from tests.contract.platform.entity_parts import GROUP, HOST, MEMBER, envelopes, group, member, rows
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2
from vahana.registry.v1 import application_pb2


@pytest.fixture
def entities(metadata):
    return Entities(metadata, Outbox(metadata))


@pytest.fixture
def publish(db, entities):
    def publish(kind, name, message, parent="", tenant="t"):
        with db.write() as tx:
            entities.publish(tx, kind, tenant, name, message, parent)

    return publish


def test_what_is_published_is_found_and_told_of(db, entities, publish):
    publish(GROUP, "phages", group("phages"))
    with db.read() as tx:
        assert entities.find(tx, GROUP, "t", "phages", group_pb2.Group) == group("phages")
        for kind, tenant, name in ((GROUP, "u", "phages"), (GROUP, "t", "x"), (MEMBER, "t", "phages")):
            assert entities.find(tx, kind, tenant, name, group_pb2.Group) is None
    (told,) = envelopes(db)
    assert (told.tenant, told.source, told.aggregate_id) == ("t", "profile", "phages")
    change = told.entity_changed
    assert (change.kind, change.tenant, change.name, change.deleted) == (GROUP, "t", "phages", False)
    assert group_pb2.Group.FromString(change.entity.value) == group("phages")
    with db.read() as tx:
        (row,) = Outbox(db.metadata).unsent(tx, 10)
    assert (row.topic, row.key) == ("vahana.sync", f"t/{GROUP}/phages")


@pytest.fixture
def at(monkeypatch):
    """Sets the clock that versions are taken from."""
    return lambda time_us: monkeypatch.setattr(module.clock, "now_us", lambda: time_us)


def test_every_change_of_an_owner_gets_a_higher_version_whatever_the_clock_says(db, entities, publish, at):
    at(1000)
    publish(GROUP, "a", group("a"))
    publish(MEMBER, "a/user:ada", member("a", "ada"), "user:ada")
    at(500)
    publish(GROUP, "a", group("a", "again"))
    at(2000)
    publish(GROUP, "b", group("b"), tenant="u")
    assert [each.entity_changed.version for each in envelopes(db)] == [1000, 1001, 1002, 2000]
    with db.write() as tx:
        assert entities.state(tx, PROFILE).version == 2000
        assert entities.state(tx, REGISTRY).version == 0
        assert [entities.advance(tx, PROFILE), entities.advance(tx, REGISTRY)] == [2001, 2000]


def test_what_is_no_more_keeps_its_row_and_is_found_no_more(db, entities, publish):
    publish(MEMBER, "a/user:ada", member("a", "ada"), "user:ada")
    publish(MEMBER, "a/user:ada", None, "user:ada")
    with db.read() as tx:
        assert entities.find(tx, MEMBER, "t", "a/user:ada", group_pb2.GroupMember) is None
        assert entities.children(tx, MEMBER, "t", "user:ada", group_pb2.GroupMember) == []
        (told,) = entities.told(tx, MEMBER, "t", name="a/user:ada", parent="", limit=10)
        assert entities.count(tx, PROFILE) == 0
    assert (told.deleted, told.HasField("entity")) == (True, False)
    publish(MEMBER, "a/user:ada", member("a", "ada"), "user:ada")
    with db.read() as tx:
        assert entities.count(tx, PROFILE) == 1


def test_many_are_read_at_once(db, entities, publish):
    for number in range(600):
        publish(MEMBER, f"g{number}/user:ada", member(f"g{number}", "ada"), f"user:{number}")
    publish(MEMBER, "g7/user:ada", None, "user:7")
    publish(MEMBER, "g8/user:ada", member("g8", "ada"), "user:8", tenant="u")
    everyone = range(601)
    with db.read() as tx:
        named = entities.named(tx, MEMBER, "t", [f"g{each}/user:ada" for each in everyone], group_pb2.GroupMember)
        held = entities.of_parents(tx, MEMBER, "t", {f"user:{each}" for each in everyone}, group_pb2.GroupMember)
        assert entities.named(tx, MEMBER, "t", [], group_pb2.GroupMember) == []
    wanted = {f"g{each}" for each in range(600)} - {"g7"}
    assert {each.group for each in named} == {each.group for each in held} == wanted
    assert len(named) == len(held) == len(wanted)


def test_children_come_in_the_order_of_their_changes(db, entities, publish):
    for name in ("c", "a", "b"):
        publish(MEMBER, f"{name}/user:ada", member(name, "ada"), "user:ada")
    publish(MEMBER, "c/user:ada", member("c", "ada"), "user:ada")
    publish(MEMBER, "c/user:olga", member("c", "olga"), "user:olga")
    with db.read() as tx:
        found = entities.children(tx, MEMBER, "t", "user:ada", group_pb2.GroupMember)
        told = entities.told(tx, MEMBER, "t", name="", parent="user:ada", limit=2)
    assert [each.group for each in found] == ["a", "b", "c"]
    assert [each.name for each in told] == ["c/user:ada", "b/user:ada"]


def test_children_are_read_by_an_index(db, entities, publish):
    table = db.metadata.tables["entity"]
    with db.write() as tx:
        told = [sync_pb2.EntityChanged(kind=GROUP, tenant="t", name=str(n), version=n + 1) for n in range(5000)]
        for each in told:
            each.entity.Pack(group(each.name))
            each.parent = f"p{each.version % 1000}"
        entities.apply(tx, told)
        if db.dialect == "postgresql":
            tx.execute(sa.text("ANALYZE entity"))
        explain = "EXPLAIN QUERY PLAN" if db.dialect == "sqlite" else "EXPLAIN"
        query = f"SELECT * FROM {table.name} WHERE kind = {GROUP} AND tenant = 't' AND parent = 'p7' ORDER BY version"
        plan = " ".join(str(row) for row in tx.execute(sa.text(f"{explain} {query}")))
    assert "ix_entity_parent" in plan


def test_versions_rise_in_the_order_of_commits(db, entities):
    """Whoever reads everything up to a version misses none below it."""

    def work(number):
        for count in range(10):
            with db.write() as tx:
                entities.publish(tx, GROUP, "t", f"{number}-{count}", group(f"{number}-{count}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    looks = []
    while any(thread.is_alive() for thread in threads):
        with db.read() as tx:
            looks.append((entities.state(tx, PROFILE).version, len(entities.page(tx, PROFILE, None, 1000))))
    for thread in threads:
        thread.join()
    versions = [row.version for row in rows(db)]
    assert len(set(versions)) == len(versions) == 40
    assert all(found == sum(each <= version for each in versions) for version, found in looks)


def test_pages_hold_everything_of_an_owner_once(db, entities, publish):
    names = [f"g{number}" for number in range(7)]
    for name in names:
        publish(GROUP, name, group(name))
    publish(GROUP, "g3", None)
    publish(MEMBER, "g1/user:ada", member("g1", "ada"), "user:ada")
    with db.write() as tx:
        host = sync_pb2.EntityChanged(kind=HOST, tenant="t", name="cluster", version=1, deleted=True)
        entities.apply(tx, [host])
    found, after = [], None
    while True:
        with db.read() as tx:
            page = entities.page(tx, PROFILE, after, 3)
        if not page:
            break
        found += page
        after = key_of(page[-1])
    assert [each.name for each in found] == [*names, "g1/user:ada"]
    assert [each.name for each in found if each.deleted] == ["g3"]


def test_a_page_ends_where_it_would_grow_too_large(db, entities, publish):
    large = application_pb2.Application(interface={"inputs": [{"description": "x" * (LARGEST_PAGE // 3)}]})
    for number in range(5):
        publish(sync_pb2.ENTITY_KIND_APPLICATION, f"a/{number}", large, "a")
    with db.read() as tx:
        assert len(entities.page(tx, REGISTRY, None, 100)) == 3
        told = entities.told(tx, sync_pb2.ENTITY_KIND_APPLICATION, "t", name="", parent="a", limit=100)
    assert [each.name for each in told] == ["a/4", "a/3", "a/2"]


def test_the_longest_names_fit(db, publish):
    name = "/".join(letter * 63 for letter in "abc")
    publish(sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT, name, application_pb2.ApplicationDeployment(), tenant="t" * 63)
    with db.read() as tx:
        (row,) = Outbox(db.metadata).unsent(tx, 10)
    assert len(row.key) == 200
    assert rows(db)[0].name == name


def test_only_what_a_kind_is_can_be_published(db, publish):
    with pytest.raises(ValueError, match="GroupMember"):
        publish(GROUP, "a", member("a", "ada"))
    with pytest.raises(KeyError):
        publish(99, "a", group("a"))
    assert rows(db) == envelopes(db) == []


def test_a_copy_publishes_nothing(db, metadata):
    with pytest.raises(RuntimeError, match="owner"), db.write() as tx:
        Entities(metadata).publish(tx, GROUP, "t", "a", group("a"))
