"""Inbox, leases and answered requests, on both databases."""

import threading
import time

import pytest
import sqlalchemy as sa

from services.chassis import clock
from services.chassis.errors import RequestIdReused, Unavailable
from services.chassis.inbox import Inbox
from services.chassis.leases import Leases
from services.chassis.requests import KEPT_US, Requests, fingerprint
from vahana.event.v1 import event_pb2


class TestInbox:
    def test_an_id_is_admitted_once(self, db, metadata):
        inbox = Inbox(metadata)
        with db.write() as tx:
            assert inbox.admit(tx, ["a", "b", "b"]) == {"a", "b"}
        with db.write() as tx:
            assert inbox.admit(tx, ["b", "c"]) == {"c"}
            assert inbox.admit(tx, ["a", "b", "c"]) == set()
            assert inbox.admit(tx, []) == set()

    def test_many_at_once(self, db, metadata):
        inbox = Inbox(metadata)
        ids = [f"id-{n}" for n in range(5000)]
        with db.write() as tx:
            assert inbox.admit(tx, ids) == set(ids)
        with db.write() as tx:
            assert inbox.admit(tx, [*ids, "new"]) == {"new"}

    def test_a_rollback_forgets(self, db, undone, metadata):
        inbox = Inbox(metadata)
        with undone() as tx:
            inbox.admit(tx, ["a"])
        with db.write() as tx:
            assert inbox.admit(tx, ["a"]) == {"a"}

    def test_the_same_ids_from_several_threads_are_admitted_once(self, db, metadata):
        inbox, admitted, lock = Inbox(metadata), [], threading.Lock()

        def admit(order):
            for start in range(0, 100, 10):
                with db.write() as tx:
                    got = inbox.admit(tx, [f"{start + n}" for n in range(10)][::order])
                with lock:
                    admitted.extend(got)

        threads = [threading.Thread(target=admit, args=(order,)) for order in (1, -1, 1, -1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(admitted, key=int) == [str(n) for n in range(100)]

    def test_purge(self, db, metadata):
        inbox = Inbox(metadata)
        with db.write() as tx:
            inbox.admit(tx, ["old"])
        with db.write() as tx:
            assert inbox.purge(tx, clock.now_us() + 1) == 1
            assert inbox.admit(tx, ["old"]) == {"old"}


class TestLeases:
    def take(self, db, leases, holder, seconds=60.0):
        with db.write() as tx:
            return leases.acquire(tx, "thing", holder, seconds)

    def test_one_holder_at_a_time(self, db, metadata):
        leases = Leases(metadata)
        assert self.take(db, leases, "one") == 1
        assert self.take(db, leases, "two") is None
        assert self.take(db, leases, "one") == 1

    def test_taken_over_after_expiry_with_a_higher_epoch(self, db, metadata):
        leases = Leases(metadata)
        assert self.take(db, leases, "one", seconds=0.3) == 1
        deadline = time.monotonic() + 10
        while (epoch := self.take(db, leases, "two")) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert epoch == 2
        assert self.take(db, leases, "one") is None

    def test_released_to_the_next(self, db, metadata):
        leases = Leases(metadata)
        self.take(db, leases, "one")
        with db.write() as tx:
            leases.release(tx, "thing", "two", 1)
        assert self.take(db, leases, "two") is None
        with db.write() as tx:
            leases.release(tx, "thing", "one", 1)
        assert self.take(db, leases, "two") == 2

    def test_of_many_who_ask_at_once_one_gets_it(self, db, metadata):
        leases, epochs = Leases(metadata), []
        threads = [
            threading.Thread(target=lambda n=n: epochs.append(self.take(db, leases, f"holder-{n}"))) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(epochs, key=str) == [1] + [None] * 7


class TestRequests:
    caller = ("default/admin", "/vahana.registry.v1.X/Create")

    def test_a_repeat_gets_the_first_answer(self, db, metadata):
        requests = Requests(metadata)
        with db.write() as tx:
            assert requests.recall(tx, *self.caller, "req-1", b"f") is None
            requests.remember(tx, *self.caller, "req-1", b"f", b"answer")
        with db.write() as tx:
            assert requests.recall(tx, *self.caller, "req-1", b"f") == b"answer"
            assert requests.recall(tx, "other/admin", self.caller[1], "req-1", b"f") is None
            assert requests.recall(tx, self.caller[0], "/another", "req-1", b"f") is None

    def test_another_content_is_refused(self, db, metadata):
        requests = Requests(metadata)
        with db.write() as tx:
            requests.remember(tx, *self.caller, "req-1", b"f", b"answer")
            with pytest.raises(RequestIdReused):
                requests.recall(tx, *self.caller, "req-1", b"g")

    def test_no_id_no_memory(self, db, metadata):
        requests = Requests(metadata)
        with db.write() as tx:
            requests.remember(tx, *self.caller, "", b"f", b"answer")
            assert requests.recall(tx, *self.caller, "", b"f") is None

    def test_the_slower_of_two_equal_requests_is_sent_back(self, db, metadata):
        requests = Requests(metadata)
        with db.write() as tx:
            requests.remember(tx, *self.caller, "req-1", b"f", b"answer")
        with pytest.raises(Unavailable), db.write() as tx:
            requests.remember(tx, *self.caller, "req-1", b"f", b"another")

    def test_purge(self, db, metadata):
        requests = Requests(metadata)
        with db.write() as tx:
            requests.remember(tx, *self.caller, "req-1", b"f", b"answer")
            assert requests.purge(tx, clock.now_us() + 1) == 1
            assert requests.recall(tx, *self.caller, "req-1", b"f") is None

    def test_fingerprints_tell_contents_apart(self):
        one, two = event_pb2.TaskDispatched(), event_pb2.TaskDispatched()
        for name in ("a", "b", "c"):
            one.jobs[name].name = name
        for name in ("c", "b", "a"):
            two.jobs[name].name = name
        assert fingerprint(one) == fingerprint(two)
        two.jobs["a"].name = "x"
        assert fingerprint(one) != fingerprint(two)

    def test_old_answers_are_forgotten_with_the_first_new_one(self, db, metadata):
        table = metadata.tables["request"]
        with db.write() as tx:
            Requests(metadata).remember(tx, "t/u", "M", "old", b"f", b"answer")
            tx.execute(sa.update(table).values(created_us=clock.now_us() - KEPT_US - 1))
        with db.write() as tx:
            Requests(metadata).remember(tx, "t/u", "M", "new", b"f", b"answer")
            assert list(tx.execute(sa.select(table.c.request_id)).scalars()) == ["new"]
