"""Hosts that do not answer: nobody begins there, who waits is told, and all goes on by itself. No real hosts."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from services.chassis.bus.topics import HOST, NO_TENANT
from services.chassis.db import Database
from services.executor import host_storage
from services.executor.channels.api import Site
from services.executor.domain.breaker import Breaker, State
from services.executor.domain.claims import ClaimState
from services.executor.domain.outcomes import Done
from services.executor.domain.troubles import Condition, Waiting
from services.executor.explaining import Explaining
from services.executor.hosts import Hosts
from services.executor.probing import Answer, Probed
from services.executor.schema import host as host_table
from tests.contract.executor.support import COMPLETED, EXECUTING, FAILED, OUTBOX, Executor, dispatch
from tests.integration.executor.support import until
from vahana.event.v1 import event_pb2, state_pb2

SILENT = Probed(Answer.SILENT, "h:22 is mute")


class Watched:
    """An executor whose hosts are looked after, and probed as the test says."""

    def __init__(self, db: Database, name: str = "executor-one") -> None:
        self.executor = Executor(db, name)
        self.db, self.answer, self.probed = db, SILENT, list[Site]()
        self.hosts = Hosts(db, self.executor.ledger, self._probe, self.executor.dispatcher.turns)
        dispatcher = self.executor.dispatcher
        dispatcher.barred, dispatcher.workers.on_worked = self.hosts.barred, self.hosts.worked
        self.executor.task = self._work
        self.mute = {"h"}

    def _probe(self, site: Site) -> Probed:
        self.probed.append(site)
        return self.answer

    def _work(self, context: object) -> object:
        if context.dispatch.target.address in self.mute:
            raise Waiting(Condition.HOST_UNREACHABLE, "no answer")
        return Done()

    def fall_silent(self) -> None:
        """Let a turn at the host be lost, and the probe it leads to fail."""
        self.executor.accept(dispatch("first"))
        self.executor.round()
        until(lambda: bool(self.hosts._worked))
        self.executor.dispatcher.round(claiming=False)
        self.tend_until(lambda: self.row().state == State.OPEN)

    def tend_until(self, condition: object) -> None:
        def tended() -> bool:
            self.hosts.tend()
            return condition()

        until(tended)

    def row(self) -> Breaker:
        with self.db.read() as tx:
            return host_storage.find(tx, "h:22")

    def make_due(self) -> None:
        """Let the next probe's time come."""
        with self.db.write() as tx:
            tx.execute(sa.update(host_table).values(next_probe_us=1))

    def told(self, task_id: str) -> list[tuple[int, bool, int]]:
        events = [each for each in self.executor.events() if each.task_id == task_id]
        assert [each.seq for each in events] == list(range(1, len(events) + 1))
        return [(each.task_state, each.blocked, each.condition_code) for each in events]

    def healths(self) -> list[event_pb2.Envelope]:
        with self.db.read() as tx:
            rows = tx.execute(sa.select(OUTBOX.c.value).where(OUTBOX.c.topic == HOST.name).order_by(OUTBOX.c.id))
            return [event_pb2.Envelope.FromString(value) for value in rows.scalars()]


@pytest.fixture
def watched(db: Database) -> Iterator[Watched]:
    made = Watched(db)
    yield made
    made.hosts._pool.shutdown()


UNREACHABLE = state_pb2.CONDITION_CODE_HOST_UNREACHABLE
NONE = state_pb2.CONDITION_CODE_UNSPECIFIED


def test_claims_of_a_silent_host_are_told_once_and_go_on_when_it_answers(watched: Watched) -> None:
    watched.fall_silent()
    watched.executor.accept(dispatch("kept"), dispatch("other", host="fine"))
    watched.tend_until(lambda: watched.executor.claim("kept").barred)
    watched.hosts.tend()
    watched.executor.work()
    assert watched.told("kept") == [(EXECUTING, True, UNREACHABLE)]
    reason = next(each.reason for each in watched.executor.events() if each.task_id == "kept")
    assert reason.startswith("host h:22 does not answer since ")
    assert "; it is tried again at " in reason
    assert watched.told("other") == [(EXECUTING, False, NONE), (COMPLETED, False, NONE)]

    watched.answer, watched.mute = Probed(Answer.REACHED), set()
    watched.make_due()
    watched.tend_until(lambda: not watched.hosts.barred() and not watched.executor.claim("kept").barred)
    watched.executor.work()
    gone_on = [(EXECUTING, True, UNREACHABLE), (EXECUTING, False, NONE), (COMPLETED, False, NONE)]
    assert watched.told("kept") == gone_on
    assert watched.told("first")[-1] == (COMPLETED, False, NONE)


def test_each_change_of_health_is_told_the_scheduler(watched: Watched) -> None:
    watched.fall_silent()
    watched.tend_until(lambda: watched.executor.claim("first").barred)
    watched.make_due()
    watched.tend_until(lambda: watched.row().probes == 1)
    watched.answer = Probed(Answer.REACHED)
    watched.make_due()
    watched.tend_until(lambda: not watched.hosts.barred())
    bad, good = watched.healths()
    assert (bad.tenant, bad.aggregate_id) == (NO_TENANT, "h:22")
    told = bad.host_health_changed
    assert (told.host, told.health, told.seq) == ("h:22", state_pb2.HOST_HEALTH_UNREACHABLE, 1)
    assert (told.reason, told.condition_code) == ("h:22 is mute", UNREACHABLE)
    assert told.HasField("next_probe_at")
    told = good.host_health_changed
    assert (told.health, told.seq, told.reason) == (state_pb2.HOST_HEALTH_HEALTHY, 2, "")
    assert not told.HasField("next_probe_at")


def test_a_claim_whose_budget_ends_while_its_host_is_silent_fails(watched: Watched) -> None:
    watched.fall_silent()
    watched.executor.accept(dispatch("kept", budget_ms=50))
    watched.tend_until(lambda: watched.executor.claim("kept").state == ClaimState.ENDED)
    assert watched.told("kept") == [(EXECUTING, True, UNREACHABLE), (FAILED, False, UNREACHABLE)]
    assert "gave up after 0.1 s: host h:22 does not answer" in watched.executor.claim("kept").reason


def test_a_canceled_claim_of_a_silent_host_ends_at_once(watched: Watched) -> None:
    watched.fall_silent()
    watched.executor.accept(dispatch("kept"))
    watched.tend_until(lambda: watched.executor.claim("kept").barred)
    watched.executor.cancel(dispatch("kept"))
    assert watched.executor.claim("kept").state == ClaimState.ENDED


def test_one_of_two_executors_probes_and_both_keep_away(db: Database, watched: Watched) -> None:
    other = Watched(db, "executor-two")
    watched.fall_silent()
    watched.tend_until(lambda: watched.executor.claim("first").barred)
    other.hosts.tend()
    assert list(other.hosts.barred()) == ["h:22"]
    watched.probed.clear()
    held = threading.Event()
    watched.hosts._probe = other.hosts._probe = lambda site: watched.probed.append(site) or (held.wait(10) and SILENT)
    watched.make_due()
    watched.hosts.tend()
    other.hosts.tend()
    assert watched.row().state == State.HALF_OPEN
    held.set()
    watched.tend_until(lambda: watched.row().state == State.OPEN)
    assert len(watched.probed) == 1
    other.hosts._pool.shutdown()


def test_claims_told_of_a_host_that_another_executor_found_well_go_on(db: Database, watched: Watched) -> None:
    """The executor that closed the breaker may die before it has told anybody."""
    watched.fall_silent()
    watched.tend_until(lambda: watched.executor.claim("first").barred)
    with db.write() as tx:
        tx.execute(sa.update(host_table).values(health=1, state=State.CLOSED, next_probe_us=0))
    other = Watched(db, "executor-two")
    other.hosts.tend()
    assert not other.executor.claim("first").barred
    assert watched.told("first")[-1] == (EXECUTING, False, NONE)
    other.hosts._pool.shutdown()


def test_what_a_dead_executor_left_at_a_silent_host_waits_for_it_and_is_not_taken_over(
    db: Database, watched: Watched
) -> None:
    dead = Executor(db, "executor-dead")
    dead.accept(dispatch("left"))
    (taken,) = dead.take()
    watched.fall_silent()
    watched.tend_until(lambda: bool(watched.hosts.barred()))
    dead.expire()
    watched.executor.work()
    watched.tend_until(lambda: watched.executor.claim("left").barred)
    assert not dead.settle(taken, Done())
    assert watched.told("left") == [(EXECUTING, False, NONE), (EXECUTING, True, UNREACHABLE)]

    watched.answer, watched.mute = Probed(Answer.REACHED), set()
    watched.make_due()
    watched.tend_until(lambda: not watched.executor.claim("left").barred)
    watched.executor.work()
    assert watched.told("left")[-1] == (COMPLETED, False, NONE)
    assert watched.executor.claim("left").epoch == taken.epoch + 1


def test_an_attempt_that_waits_for_a_silent_host_says_so_and_when_it_is_tried(watched: Watched) -> None:
    watched.fall_silent()
    watched.executor.accept(dispatch("kept"))
    found = {each.task_id: each for each in Explaining(watched.db).claims("default", "proc-1")}
    row = watched.row()
    assert found["kept"].waits_for.startswith("host h:22 does not answer since ")
    assert found["kept"].next.startswith("it goes on when the host answers, and fails when it has waited until ")
    assert found["kept"].next_at.ToMicroseconds() == row.next_probe_us
    assert found["kept"].condition_code == UNREACHABLE


def test_a_probe_that_cannot_be_made_neither_opens_nor_closes(watched: Watched) -> None:
    watched.answer = Probed(Answer.UNTOLD)
    watched.executor.accept(dispatch("first"))
    watched.executor.round()
    until(lambda: bool(watched.hosts._worked))
    watched.hosts.tend()
    until(lambda: bool(watched.probed) and not watched.hosts._probed)
    assert watched.row() == Breaker("h:22")
