"""Messages their consumers' processes die over: counted across the deaths, parked after the third, others unharmed."""

import signal
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Message, Received
from services.chassis.bus.memory import MemoryBus
from services.chassis.bus.topics import Topic
from services.chassis.consume import ConsumerLoop
from services.chassis.deaths import Care, Deaths
from services.chassis.errors import Unavailable
from services.chassis.parked import Parked

TOPIC = Topic("test.events", 1, 0)


class DiedError(BaseException):
    """Ends a loop as the death of its process does: nothing of it runs after that."""


@pytest.fixture
def rows(db, metadata):
    def rows(table):
        with db.read() as tx:
            of = metadata.tables[table]
            return tx.execute(sa.select(of).order_by(*of.primary_key.columns)).all()

    return rows


@pytest.fixture
def live(db, metadata, envelope):
    """Consumes messages, all of them from the beginning, with a handler; returns what it was given at once."""

    def live(ids, handle=lambda _ids: None):
        bus, stop, calls = MemoryBus(), threading.Event(), []
        bus.ensure_topics([TOPIC])
        bus.producer().publish([Message(TOPIC.name, "p", envelope(id_)) for id_ in ids])

        def handling(deliveries):
            calls.append([each.envelope.id for each in deliveries])
            handle(calls[-1])
            if calls[-1][-1] == ids[-1]:
                stop.set()

        try:
            ConsumerLoop(bus, "g", [TOPIC], handling, db, Parked(metadata), "test").run(stop)
        except DiedError:
            calls.append("died")
        return calls

    return live


def die_over(fatal):
    def handle(ids):
        if fatal in ids:
            raise DiedError

    return handle


def test_a_message_that_kills_is_parked_after_ten_deaths_over_it_alone(db, rows):
    def live():
        url = db.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.contract.platform.dying", url, "m-2", "5"]
        return subprocess.run(command, check=False, timeout=60).returncode

    # The first death has nobody to note it, and the second one is of all that were in hand.
    for counts in ([], [0], *([count] for count in range(1, 11))):
        assert live() == -signal.SIGKILL
        assert [row.count for row in rows("attempted")] == counts
    assert live() == 0
    (row,) = rows("parked")
    assert (row.offset, row.reason) == (2, "failed or ended the process 10 times; the last: the process died")
    assert rows("attempted") == rows("reading") == []


def test_nothing_is_counted_while_all_goes_well(live, rows):
    for _ in range(5):
        assert live(["a", "b"]) == [["a", "b"]]
        assert rows("attempted") == rows("reading") == []


def test_after_a_death_messages_are_handled_as_ever(live, rows):
    assert live(["a", "b", "c"], die_over("a"))[-1] == "died"
    noted = []
    assert live(["a", "b", "c"], lambda _: noted.extend(row.count for row in rows("attempted"))) == [["a", "b", "c"]]
    assert noted == [0]
    assert rows("attempted") == rows("parked") == rows("reading") == []


def test_after_another_one_they_are_handled_one_by_one_and_none_is_blamed(live, rows):
    for _ in range(2):
        assert live(["a", "b", "c"], die_over("a")) == [["a", "b", "c"], "died"]
    assert live(["a", "b", "c"]) == [["a"], ["b"], ["c"]]
    assert rows("attempted") == rows("parked") == []
    assert live(["a", "b", "c"]) == [["a", "b", "c"]]


def test_a_message_counted_before_an_orderly_stop_is_still_handled_with_care(live, rows):
    for _ in range(4):
        live(["a", "b"], die_over("b"))
    assert [row.count for row in rows("attempted")] == [2]
    assert live(["a"]) == [["a"]]
    assert live(["a", "b"], die_over("b")) == [["a"], ["b"], "died"]
    assert [row.count for row in rows("attempted")] == [3]


def test_one_that_fails_after_deaths_is_parked_as_ever(live, rows):
    def fail(_ids):
        raise ValueError("bad")

    for _ in range(3):
        live(["a", "b"], die_over("a"))
    calls = live(["a", "b"], lambda ids: fail(ids) if ids == ["a"] else None)
    assert calls == [["a"], ["a"], ["a"], ["b"]]
    assert [row.reason for row in rows("parked")] == ["failed 3 times; the last: ValueError: bad"]
    assert rows("attempted") == []


def test_an_outage_after_a_death_counts_against_none(live, rows):
    away = [Unavailable("peer is away")] * 4
    counts = []

    def handle(ids):
        counts.append([row.count for row in rows("attempted")])
        if away and ids == ["a"]:
            raise away.pop()

    for _ in range(2):
        live(["a", "b"], die_over("a"))
    assert live(["a", "b"], handle) == [["a"]] * 5 + [["b"]]
    assert counts == [[1]] * 6
    assert rows("attempted") == rows("parked") == []


def test_another_message_at_the_same_place_is_not_the_one_that_was_counted(db, metadata):
    deaths = Deaths(db, "g")
    assert [deaths.count(Received("t", "p", b"one", (), 0, 0)) for _ in range(2)] == [1, 2]
    assert deaths.count(Received("t", "p", b"other", (), 0, 0)) == 1


def test_counts_of_what_is_past_are_cleared_out(db, rows):
    Deaths(db, "g").count(Received("t", "p", b"", (), 0, 3))
    assert Deaths(db, "g").care([Received("t", "p", b"", (), 0, 4)], 10) is Care.NONE
    assert rows("attempted") == []


def test_care_ends_with_the_window(db):
    Deaths(db, "g").care([Received("t", "p", b"", (), 0, 0)], 2)
    after = Deaths(db, "g")
    taken = [after.care([Received("t", "p", b"", (), 0, offset)], 2) for offset in range(4)]
    assert taken == [Care.NOTED, Care.NOTED, Care.NONE, Care.NONE]


def test_other_partitions_are_not_suspected(db):
    Deaths(db, "g").care([Received("t", "p", b"", (), 0, 0)], 2)
    assert Deaths(db, "g").care([Received("t", "p", b"", (), 1, 0)], 2) is Care.NONE
    assert Deaths(db, "other").care([Received("t", "p", b"", (), 0, 0)], 2) is Care.NONE


def test_a_batch_with_messages_of_a_partition_noted_before_is_handled_one_by_one(db):
    for _ in range(2):
        Deaths(db, "g").care([Received("t", "p", b"", (), 0, 0)], 2)
    both = [Received("t", "p", b"", (), 1, 0), Received("t", "p", b"", (), 0, 0)]
    assert Deaths(db, "g").care(both, 2) is Care.EACH
