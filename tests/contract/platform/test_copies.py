"""Copies: whatever comes in whatever order, they end as their owner is; and they fill and are rebuilt from it."""

import threading

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis import clock
from services.chassis import copies as module
from services.chassis.changes import PROFILE
from services.chassis.copies import LONGEST_GAP_US, Copies, CopyState
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.errors import Unavailable
from services.chassis.outbox import Outbox
from services.chassis.schema import add_platform_tables
from tests.contract.platform.entity_parts import (
    GROUP,
    HOST,
    MEMBER,
    FakePeer,
    deliveries,
    envelopes,
    group,
    member,
    rows,
)
from vahana.event.v1 import event_pb2, sync_pb2
from vahana.profile.v1 import tenant_pb2

TENANT = sync_pb2.ENTITY_KIND_TENANT


@pytest.fixture
def new_database(request, tmp_path, database_url, metadata):
    """Makes further databases of the kind under test."""
    made = []

    def new():
        if database_url.startswith("sqlite"):
            url = f"sqlite:///{tmp_path}/further-{len(made)}.db"
        else:
            url = request.getfixturevalue("postgres").database()
        made.append(Database(url, metadata))
        made[-1].create_tables()
        return made[-1]

    yield new
    for each in made:
        each.close()


@pytest.fixture
def entities(metadata):
    return Entities(metadata, Outbox(metadata))


@pytest.fixture
def peer(db, entities):
    return FakePeer(db, entities)


@pytest.fixture
def copy_db(new_database):
    return new_database()


@pytest.fixture
def copies(copy_db, entities, peer):
    return Copies(copy_db, entities, (GROUP, MEMBER), {PROFILE: peer})


@pytest.fixture
def publish(db, entities):
    def publish(kind, name, message, parent=""):
        with db.write() as tx:
            entities.publish(tx, kind, "t", name, message, parent)

    return publish


@pytest.fixture
def lived(publish):
    """An owner with a past: of each what there is, what changed, what is no more and what is there again."""
    for name in ("a", "b", "c"):
        publish(GROUP, name, group(name))
        publish(MEMBER, f"{name}/user:ada", member(name, "ada"), "user:ada")
    publish(GROUP, "a", group("a", "again"))
    publish(GROUP, "b", None)
    for message in (None, member("c", "ada")):
        publish(MEMBER, "c/user:ada", message, "user:ada")


def test_a_batch_makes_the_copy_equal(db, copy_db, copies, lived):
    copies.handle(deliveries(envelopes(db)))
    assert rows(copy_db) == rows(db)
    assert copies.state(PROFILE) == CopyState(PROFILE, 5, max(row.version for row in rows(db)), None)
    assert copies.state(PROFILE).snapshot_us is None


def test_kinds_of_no_use_are_seen_and_not_kept(db, copy_db, copies, publish):
    publish(TENANT, "t", tenant_pb2.Tenant(name="t"))
    newer = sync_pb2.EntityChanged(kind=77, tenant="t", name="x", version=5)
    told = [*envelopes(db), event_pb2.Envelope(tenant="t", source="newcomer", entity_changed=newer)]
    copies.handle(deliveries(told))
    assert rows(copy_db) == []
    assert copies.state(PROFILE).version == told[0].entity_changed.version


def test_what_does_not_belong_there_is_a_fault(db, copy_db, copies, lived):
    good = envelopes(db)[0]
    for change in ("source", "tenant", "type", "content", "payload"):
        bad = event_pb2.Envelope.FromString(good.SerializeToString())
        if change == "type":
            bad.entity_changed.entity.Pack(member("a", "ada"))
        elif change == "content":
            bad.entity_changed.entity.value = b"\xff"
        elif change == "payload":
            bad.status_changed.seq = 1
        else:
            setattr(bad, change, "registry")
        with pytest.raises(ValueError):
            copies.handle(deliveries([bad]))
    assert rows(copy_db) == []


CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y", None])), min_size=1, max_size=12)


@given(changes=CHANGES, data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_order_repeats_and_batches_change_nothing(tmp_path_factory, changes, data):
    """Messages of one key come in order from Kafka, but copies need not even that."""
    home = tmp_path_factory.mktemp("hypothesis")
    metadata = fresh_metadata()
    owner, copy = (Database(f"sqlite:///{home}/{name}.db", metadata) for name in ("owner", "copy"))
    entities = Entities(metadata, Outbox(metadata))
    try:
        owner.create_tables()
        copy.create_tables()
        for name, says in changes:
            with owner.write() as tx:
                entities.publish(tx, GROUP, "t", name, None if says is None else group(name, says))
        peer = FakePeer(owner, entities)
        copies = Copies(copy, entities, (GROUP,), {PROFILE: peer})
        told = envelopes(owner)
        repeats = data.draw(st.lists(st.sampled_from(told), max_size=len(told)))
        arrived = data.draw(st.permutations([*told, *repeats]))
        read_at = data.draw(st.integers(0, len(arrived)))
        size = data.draw(st.integers(1, 5))
        for start in range(0, len(arrived), size):
            copies.handle(deliveries(arrived[start : start + size]))
            if start <= read_at < start + size:
                copies.rebuild(PROFILE)
        assert rows(copy) == rows(owner)
        assert copies.state(PROFILE).version >= max(row.version for row in rows(owner))
    finally:
        owner.close()
        copy.close()


def fresh_metadata():
    metadata = sa.MetaData()
    add_platform_tables(metadata, "outbox", "entity", "incarnation")
    return metadata


def test_an_empty_copy_fills_itself_and_once(copy_db, copies, peer, db, lived):
    copies.fill(threading.Event())
    assert rows(copy_db) == rows(db)
    state = copies.state(PROFILE)
    assert state.version > max(row.version for row in rows(db))
    assert state.count == 5
    assert state.snapshot_us
    copies.fill(threading.Event())
    assert peer.asked == ["export"]


def test_a_copy_read_long_ago_is_read_again_at_the_next_start(copy_db, copies, peer, db, lived, publish, monkeypatch):
    """Its messages may have been dropped while nobody took them."""
    copies.fill(threading.Event())
    publish(GROUP, "a", None)
    later = clock.now_us() + LONGEST_GAP_US + 1_000_000
    monkeypatch.setattr(module.clock, "now_us", lambda: later)
    copies.fill(threading.Event())
    assert peer.asked == ["export", "export"]
    assert rows(copy_db) == rows(db)


def test_filling_waits_for_the_owner_and_says_so_once(copy_db, copies, peer, db, lived, monkeypatch):
    peer.away = True
    told = []
    monkeypatch.setattr(copies._log, "warning", lambda *_, **__: told.append(1))
    monkeypatch.setattr(module.random, "uniform", lambda *_: 0.01)
    stop = threading.Event()
    thread = threading.Thread(target=copies.fill, args=(stop,))
    thread.start()
    while len(peer.asked) < 4:
        assert thread.is_alive()
    peer.away = False
    thread.join(10)
    assert not thread.is_alive()
    assert rows(copy_db) == rows(db)
    assert told == [1]


def test_filling_ends_when_told_to(copies, peer):
    peer.away = True
    stop = threading.Event()
    thread = threading.Thread(target=copies.fill, args=(stop,))
    thread.start()
    while not peer.asked:
        assert thread.is_alive()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_what_changes_while_a_snapshot_is_read_is_kept(db, copy_db, copies, peer, publish, lived):
    before = envelopes(db)

    def meanwhile():
        publish(GROUP, "a", None)
        publish(GROUP, "new", group("new"))
        copies.handle(deliveries(envelopes(db)[len(before) :]))

    peer.meanwhile = meanwhile
    copies.rebuild(PROFILE)
    assert rows(copy_db) == rows(db)
    copies.handle(deliveries(before))
    assert rows(copy_db) == rows(db)
    assert copies.state(PROFILE).version == max(row.version for row in rows(db))


def test_rebuilding_puts_right_what_went_wrong(db, copy_db, copies, lived):
    copies.fill(threading.Event())
    table = copy_db.metadata.tables["entity"]
    with copy_db.write() as tx:
        tx.execute(table.delete().where(table.c.name == "a"))
        odd = sync_pb2.EntityChanged(kind=GROUP, tenant="t", name="never", version=3)
        odd.entity.Pack(group("never"))
        Entities(copy_db.metadata).apply(tx, [odd])
    assert rows(copy_db) != rows(db)
    first = copies.state(PROFILE).snapshot_us
    assert copies.rebuild(PROFILE).snapshot_us > first
    assert rows(copy_db) == rows(db)


def test_rebuilding_leaves_other_owners_entities_alone(copy_db, copies, entities, lived):
    with copy_db.write() as tx:
        host = sync_pb2.EntityChanged(kind=HOST, tenant="t", name="cluster", version=1, deleted=True)
        entities.apply(tx, [host])
    copies.rebuild(PROFILE)
    assert [row.name for row in rows(copy_db) if row.kind == HOST] == ["cluster"]


def test_an_owner_set_back_to_a_backup_takes_its_copies_along(db, copy_db, copies, new_database, entities, publish):
    publish(GROUP, "a", group("a"))
    publish(GROUP, "b", group("b"))
    backup = new_database()
    with db.read() as tx:
        kept = entities.page(tx, PROFILE, None, 100)
        version = entities.state(tx, PROFILE).version
    with backup.write() as tx:
        entities.apply(tx, kept)
        entities.saw(tx, PROFILE, version)
    publish(GROUP, "a", group("a", "undone"))
    publish(GROUP, "b", None)
    publish(GROUP, "c", group("c", "undone"))
    undone = envelopes(db)[2:]
    copies.handle(deliveries(undone[:2]))
    with backup.write() as tx:
        entities.publish(tx, GROUP, "t", "d", group("d", "of a new life"))
    of_restored = Copies(copy_db, entities, (GROUP, MEMBER), {PROFILE: FakePeer(backup, entities)})
    of_restored.rebuild(PROFILE)
    assert rows(copy_db) == rows(backup)
    # What was sent before it was set back may come later still.
    of_restored.handle(deliveries(undone))
    assert rows(copy_db) == rows(backup)
    with backup.write() as tx:
        entities.publish(tx, GROUP, "t", "b", group("b", "changed since"))
    of_restored.handle(deliveries([*undone, *envelopes(backup)]))
    assert rows(copy_db) == rows(backup)


def test_without_the_owner_rebuilding_changes_nothing(copy_db, copies, peer, db, lived):
    copies.fill(threading.Event())
    before, peer.away = copies.state(PROFILE), True
    with pytest.raises(Unavailable):
        copies.rebuild(PROFILE)
    assert rows(copy_db) == rows(db)
    assert copies.state(PROFILE) == before


def test_writers_of_the_same_copies_at_once_end_equal(db, copy_db, copies, lived):
    told = envelopes(db)
    failures = []

    def work(batch):
        for _ in range(5):
            try:
                copies.handle(deliveries(batch))
                copies.rebuild(PROFILE)
            except Unavailable:
                pass  # a consumer takes the batch again
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in (told, told[::-1], told[::2], told[1::2])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(copy_db) == rows(db)
