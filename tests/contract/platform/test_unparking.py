"""Parked messages: listed in pages, handed over once more, discarded; one at a time, on both databases."""

import threading

import pytest

from services.chassis.bus.api import Received
from services.chassis.errors import NotFound, Unavailable, WrongState
from services.chassis.parked import Parked, Place
from services.chassis.unparking import Unparking


@pytest.fixture
def parked(metadata):
    return Parked(metadata)


@pytest.fixture
def park(db, parked, envelope):
    def park(offset, key="p", value=None):
        received = Received("t", key, envelope(f"m-{offset}") if value is None else value, (), 0, offset)
        with db.write() as tx:
            parked.add(tx, "test", received, "ValueError: bad")
        return Place("t", 0, offset, "test")

    return park


@pytest.fixture
def rows(db, parked):
    def rows(after=None, limit=100):
        with db.read() as tx:
            return parked.page(tx, after, limit)

    return rows


def test_they_are_listed_in_pages(park, rows):
    places = [park(offset) for offset in range(5)]
    assert [row.offset for row in rows(None, 2)] == [0, 1]
    assert [row.offset for row in rows(places[1], 2)] == [2, 3]
    assert [row.offset for row in rows(places[3], 2)] == [4]
    assert all(row.size for row in rows())


def test_those_about_one_key_are_found(db, park, parked):
    park(0, key="a"), park(1, key="b"), park(2, key="a")
    with db.read() as tx:
        assert [row.offset for row in parked.page(tx, None, 10, "a")] == [0, 2]


def test_a_message_of_a_topic_made_anew_is_not_taken_for_the_one_parked_before(park, rows):
    park(0, value=b"former")
    park(0, value=b"of the present")
    (row,) = rows()
    assert row.size == len(b"of the present")


class Watch:
    """Takes note of what it is told, by the offset."""

    def __init__(self):
        self.told = []

    def parked(self, tx, place, envelope, reason):
        self.told.append(("parked", place.offset, envelope.id, reason))

    def released(self, tx, place, envelope):
        self.told.append(("released", place.offset, envelope.id))


def test_who_watches_is_told_of_each_that_is_parked_and_of_each_that_is_no_longer(db, metadata, envelope):
    def park(offset, value):
        with db.write() as tx:
            parked.add(tx, "test", Received("t", "p", value, (), 0, offset), "bad\0")
        return Place("t", 0, offset, "test")

    watch = Watch()
    parked = Parked(metadata, watch)
    unparking = Unparking(db, parked, {"test": lambda deliveries: None})
    places = [park(offset, envelope(f"m-{offset}")) for offset in (0, 0, 1)]
    park(1, envelope("of the present"))
    told = [("parked", 0, "m-0", "bad\ufffd"), ("parked", 1, "m-1", "bad\ufffd")]
    told += [("released", 1, "m-1"), ("parked", 1, "of the present", "bad\ufffd")]
    assert watch.told == told
    unparking.unpark(places[0])
    unparking.discard(places[2])
    assert watch.told[4:] == [("released", 0, "m-0"), ("released", 1, "of the present")]


def test_who_watches_is_told_nothing_of_what_cannot_be_read(db, metadata, envelope):
    watch = Watch()
    parked = Parked(metadata, watch)
    for value in (b"\xff\xff", b"", envelope("m-1")):
        with db.write() as tx:
            parked.add(tx, "test", Received("t", "p", value, (), 0, 0), "bad")
    with db.write() as tx:
        parked.add(tx, "test", Received("t", "p", b"\xff", (), 0, 0), "bad")
    Unparking(db, parked, {}).discard(Place("t", 0, 0, "test"))
    assert watch.told == [("parked", 0, "m-1", "bad"), ("released", 0, "m-1")]


def test_who_watches_can_have_it_all_undone(db, metadata, envelope, rows):
    class Refusing(Watch):
        def parked(self, tx, place, envelope, reason):
            raise Unavailable("not now")

    with pytest.raises(Unavailable), db.write() as tx:
        Parked(metadata, Refusing()).add(tx, "test", Received("t", "p", envelope("m-0"), (), 0, 0), "bad")
    assert rows() == []


def test_one_that_is_handled_is_parked_no_longer(db, park, parked, rows):
    place, taken = park(0), []
    Unparking(db, parked, {"test": taken.extend}).unpark(place)
    assert [(each.envelope.id, each.received.key) for each in taken] == [("m-0", "p")]
    assert rows() == []


def test_one_that_fails_again_stays_and_tells_the_new_reason(db, park, parked, rows):
    def fail(_deliveries):
        raise KeyError("worse")

    place, taken = park(0), []
    with pytest.raises(WrongState, match="KeyError: 'worse'"):
        Unparking(db, parked, {"test": fail}).unpark(place)
    assert [row.reason for row in rows()] == ["KeyError: 'worse'"]
    Unparking(db, parked, {"test": taken.extend}).unpark(place)
    assert len(taken) == 1


def test_an_outage_changes_nothing(db, park, parked, rows):
    def away(_deliveries):
        raise Unavailable("peer is away")

    place = park(0)
    with pytest.raises(Unavailable):
        Unparking(db, parked, {"test": away}).unpark(place)
    assert [(row.reason, row.unparking_until_us) for row in rows()] == [("ValueError: bad", None)]


@pytest.mark.parametrize(("consumer", "why"), [("test", "not an envelope"), ("gone", "no consumer 'gone'")])
def test_what_nobody_can_handle_stays(db, metadata, parked, rows, consumer, why):
    with db.write() as tx:
        parked.add(tx, consumer, Received("t", "p", b"\xff\xff", (), 0, 0), "as it came")
    with pytest.raises(WrongState, match=why):
        Unparking(db, parked, {"test": lambda _: None}).unpark(Place("t", 0, 0, consumer))
    assert why in rows()[0].reason


def test_two_at_once_hand_it_over_once(db, park, parked, rows):
    begun, go, taken = threading.Event(), threading.Event(), []

    def slow(deliveries):
        begun.set()
        assert go.wait(20)
        taken.extend(deliveries)

    place = park(0)
    unparking = Unparking(db, parked, {"test": slow})
    thread = threading.Thread(target=unparking.unpark, args=(place,))
    thread.start()
    assert begun.wait(20)
    for refused in (unparking.unpark, unparking.discard):
        with pytest.raises(WrongState, match="just now"):
            refused(place)
    go.set()
    thread.join(20)
    assert len(taken) == 1
    assert rows() == []


def test_one_whose_process_died_over_it_can_be_handed_over_later(db, park, parked):
    place, taken = park(0), []
    with db.write() as tx:
        assert parked.begin_unparking(tx, place, seconds=0)
    Unparking(db, parked, {"test": taken.extend}).unpark(place)
    assert len(taken) == 1


def test_it_can_be_discarded_and_is_not_found_then(db, park, parked, rows):
    place = park(0)
    unparking = Unparking(db, parked, {})
    unparking.discard(place)
    assert rows() == []
    for refused in (unparking.unpark, unparking.discard):
        with pytest.raises(NotFound):
            refused(place)
