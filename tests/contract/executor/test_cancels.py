"""Cancels of claims in a real database of either kind: wherever a claim stands, it ends, and only once."""

import threading

import pytest
import sqlalchemy as sa

from services.chassis.bus.api import Received
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.executor.channels.api import Result
from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.jobs import Job, JobState
from services.executor.domain.outcomes import Canceled, Done, Postponed, Watched
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.schema import claim as claim_table
from services.executor.watcher import Watcher
from tests.contract.executor.support import (
    CANCELED,
    COMPLETED,
    EXECUTING,
    FAILED,
    Executor,
    canceled,
    dispatch,
    states,
)
from vahana.event.v1 import event_pb2, state_pb2

JOB = state_pb2.TASK_TYPE_JOB_SUBMISSION
MONITORING = state_pb2.TASK_TYPE_MONITORING
BY_USER = state_pb2.CONDITION_CODE_CANCELED_BY_USER


def submit(**more: object) -> event_pb2.TaskDispatched:
    return dispatch("submit", type=JOB, **more)


def test_a_claim_nobody_has_taken_ends_at_once(executor: Executor) -> None:
    executor.task = lambda context: pytest.fail("nothing is to be done")
    executor.accept(dispatch(), submit())
    executor.cancel(dispatch(), submit())
    executor.work()
    assert [event.task_state for event in executor.events()] == [CANCELED] * 2
    for event in executor.events():
        assert (event.seq, event.condition_code, event.reason) == (1, BY_USER, "by ada")
    assert executor.claim().state == executor.claim("submit").state == ClaimState.ENDED


def test_a_cancel_before_the_dispatch_bars_it(executor: Executor) -> None:
    executor.task = lambda context: pytest.fail("nothing is to be done")
    executor.cancel(dispatch(), dispatch(), submit())
    executor.mark_all_sent()
    executor.accept(dispatch(), submit())
    executor.work()
    assert states(executor) == [(CANCELED, False)] * 2
    # The dispatch of an ended claim has its end told again, under the same id.
    assert executor.unsent() == ["executor/proc-1/env-setup/1/1", "executor/proc-1/submit/1/1"]


def test_the_cancel_of_what_has_ended_has_its_end_told_again(executor: Executor) -> None:
    executor.accept(dispatch())
    executor.work()
    executor.mark_all_sent()
    executor.cancel(dispatch())
    assert executor.unsent() == ["executor/proc-1/env-setup/1/1", "executor/proc-1/env-setup/1/2"]
    assert states(executor) == [(EXECUTING, False), (COMPLETED, False)]


@pytest.mark.parametrize("early", [dispatch("m", type=MONITORING), submit(attempt=2)])
def test_the_cancel_of_what_may_run_already_waits_for_the_dispatch(
    executor: Executor, early: event_pb2.TaskDispatched
) -> None:
    executor.cancel(early)
    executor.cancel(early)
    executor.work()
    assert executor.events() == []
    executor.accept(early)
    claim = executor.claim(early.task_id, early.attempt)
    assert (claim.state, claim.cancel, claim.cancel_reason) == (ClaimState.WATCHED, True, "by ada")
    assert states(executor) == [(EXECUTING, False)]
    executor.accept(early)
    executor.cancel(early)
    assert states(executor) == [(EXECUTING, False)]
    executor.settle(claim, Canceled())
    assert states(executor) == [(EXECUTING, False), (CANCELED, False)]


@pytest.mark.parametrize("type_", [MONITORING, JOB])
def test_an_attempt_opened_to_be_ended_begins_nothing(executor: Executor, type_: int) -> None:
    executor.task = lambda context: pytest.fail("nothing is to be done")
    executor.accept(dispatch("t", type=type_, attempt=2, cancel_reason="by ada"))
    executor.work()
    assert executor.claim("t", 2).state == ClaimState.WATCHED
    assert executor.claim("t", 2).cancel


def test_what_is_opened_to_be_ended_and_leaves_nothing_ends(executor: Executor) -> None:
    executor.accept(dispatch(cancel_reason="by ada"))
    executor.work()
    assert states(executor) == [(CANCELED, False)]


@pytest.mark.parametrize(
    "verdict",
    [
        Waiting(Condition.HOST_UNREACHABLE, "h is away"),
        Failure(Condition.DIGEST_MISMATCH, "cut off"),
        Postponed(5, "not yet"),
        Canceled(),
    ],
)
def test_work_that_does_not_get_done_while_it_is_to_be_ended_is_canceled(executor: Executor, verdict: object) -> None:
    executor.accept(dispatch())
    (claim,) = executor.take()
    executor.cancel(dispatch())
    assert executor.claim().state == ClaimState.CLAIMED
    assert executor.settle(claim, verdict)
    assert states(executor) == [(EXECUTING, False), (CANCELED, False)]


def test_work_that_gets_done_has_won_the_race(executor: Executor) -> None:
    executor.accept(dispatch())
    (claim,) = executor.take()
    executor.cancel(dispatch())
    assert executor.settle(claim, Done())
    assert states(executor)[-1] == (COMPLETED, False)


@pytest.mark.parametrize(
    "verdict", [Waiting(Condition.HOST_UNREACHABLE, "h is away"), Failure(Condition.UNKNOWN, "?", retryable=True)]
)
def test_a_submission_of_which_nothing_is_known_is_looked_for(executor: Executor, verdict: object) -> None:
    executor.accept(submit())
    (claim,) = executor.take()
    executor.cancel(submit())
    executor.settle(claim, verdict)
    found = executor.claim("submit")
    assert (found.state, found.cancel) == (ClaimState.WATCHED, True)
    assert found.epoch > claim.epoch
    job = Job("x", "jobs/submit.a1", "42", state=JobState.CANCELED)
    executor.settle(found, Canceled(job))
    last = executor.events()[-1]
    assert (last.task_state, last.job.state, last.job.job_id) == (CANCELED, state_pb2.JOB_STATE_CANCELED, "42")


def test_a_job_handed_over_before_the_cancel_was_seen_is_told_of(executor: Executor) -> None:
    executor.accept(submit())
    (claim,) = executor.take()
    executor.cancel(submit())
    executor.settle(claim, Done(job=Job("x", "jobs/submit.a1", "42")))
    assert executor.events()[-1].job.job_id == "42"
    assert states(executor)[-1] == (COMPLETED, False)


def test_commands_watched_after_the_cancel_are_still_to_be_ended(executor: Executor) -> None:
    given = dispatch("pre", type=state_pb2.TASK_TYPE_PRE_JOB_COMMAND)
    executor.accept(given)
    (claim,) = executor.take()
    executor.cancel(given)
    executor.settle(claim, Watched(Job("x", "jobs/pre.a1")))
    assert (executor.claim("pre").state, executor.claim("pre").cancel) == (ClaimState.WATCHED, True)


@pytest.mark.parametrize(("given", "state"), [(dispatch(), ClaimState.ENDED), (submit(), ClaimState.WATCHED)])
def test_a_claim_taken_over_sees_the_cancel(db: Database, given: event_pb2.TaskDispatched, state: ClaimState) -> None:
    dead, heir = Executor(db, "executor-dead"), Executor(db, "executor-heir")
    dead.accept(given)
    (claim,) = dead.take()
    dead.cancel(given)
    dead.expire()
    heir.task = lambda context: pytest.fail("nothing is to be done")
    heir.work()
    assert heir.claim(given.task_id).state == state
    # The one thought dead comes back, and is too late.
    assert not dead.settle(claim, Done())
    assert not dead.settle(claim, Waiting(Condition.UNKNOWN, "?"))


def test_takeovers_of_a_canceled_claim_do_not_park_it(db: Database) -> None:
    executor = Executor(db, "executor-one")
    executor.accept(dispatch())
    executor.take()
    with db.write() as tx:
        tx.execute(sa.update(claim_table).values(takeovers=2))
    executor.cancel(dispatch())
    executor.expire()
    executor.work()
    assert states(executor)[-1] == (CANCELED, False)


def test_a_claim_between_tries_is_not_tried_again(executor: Executor) -> None:
    executor.accept(dispatch(), submit())
    for claim in executor.take():
        executor.settle(claim, Waiting(Condition.HOST_UNREACHABLE, "h is away"))
    executor.task = lambda context: pytest.fail("nothing is to be done")
    executor.cancel(dispatch(), submit())
    assert executor.claim().state == ClaimState.ENDED
    assert executor.claim("submit").state == ClaimState.WATCHED
    assert executor.events()[-1].seq == executor.claim(executor.events()[-1].task_id).seq


def test_other_tenants_cancel_nothing(executor: Executor) -> None:
    executor.accept(dispatch())
    executor.cancel(dispatch(), tenant="other")
    assert not executor.claim().cancel
    executor.work()
    assert states(executor)[-1] == (COMPLETED, False)


class Silent:
    """A stream that waits for its host, until it is cut off."""

    def __init__(self) -> None:
        self.reading, self.cut = threading.Event(), threading.Event()

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def read_line(self) -> str:
        self.reading.set()
        assert self.cut.wait(20)
        raise Waiting(Condition.HOST_UNREACHABLE, "the connection broke")

    def abort(self) -> None:
        self.cut.set()


class SilentChannel:
    """A channel to a host that never answers."""

    site = None

    def __init__(self) -> None:
        self.stream = Silent()

    def run(self, script: str, arguments: object = (), **_: object) -> Result:
        pytest.fail("nothing is to be begun")

    def open(self, script: str, arguments: object = (), **_: object) -> Silent:
        return self.stream


@pytest.mark.parametrize("told_by", ["the one that cancels", "the renewal of leases"])
def test_whoever_waits_for_a_silent_host_is_cut_off(executor: Executor, told_by: str) -> None:
    channel = SilentChannel()
    executor.runner._world.channels.channel = lambda site, process_id: channel

    def task(context: object) -> Done:
        with context.channel.open("script") as stream:
            stream.read_line()
        return Done()

    executor.task = task
    executor.accept(dispatch())
    executor.round()
    assert channel.stream.reading.wait(10)
    if told_by == "the renewal of leases":
        other = Executor(executor.db, "executor-two")
        other.cancel(dispatch())
        executor.dispatcher.renewal.renew()
    else:
        executor.cancel(dispatch())
    executor.work()
    assert states(executor)[-1] == (CANCELED, False)


def test_nothing_is_begun_once_an_attempt_is_to_be_ended(executor: Executor) -> None:
    executor.runner._world.channels.channel = lambda site, process_id: SilentChannel()

    def task(context: object) -> Done:
        executor.cancel(dispatch())
        context.channel.run("script")
        return Done()

    executor.task = task
    executor.accept(dispatch())
    executor.work()
    assert states(executor)[-1] == (CANCELED, False)


def test_a_watched_job_that_cannot_be_ended_now_stays_blocked_beyond_its_budget(executor: Executor) -> None:
    given = dispatch("m", type=MONITORING, budget_ms=1)
    executor.accept(given)
    executor.cancel(given)
    seen: list[Claim] = []

    def look(claims: list[Claim], now_us: int) -> list[object]:
        seen[:] = claims
        return [Waiting(Condition.HOST_UNREACHABLE, "h is away")]

    watcher = Watcher(executor.db, executor.ledger, look, holder="executor-one")
    for _ in range(3):
        watcher.poll(executor.claim("m").account)
        with executor.db.write() as tx:
            tx.execute(sa.update(claim_table).values(blocked_since_us=1))
    assert seen[0].cancel
    assert states(executor) == [(EXECUTING, False), (EXECUTING, True)]
    executor.settle(executor.claim("m"), Failure(Condition.NONZERO_EXIT, "it had ended"))
    assert states(executor)[-1] == (FAILED, False)


@pytest.mark.parametrize(
    "envelope",
    [
        event_pb2.Envelope(tenant="default"),
        event_pb2.Envelope(tenant="default", task_dispatched=dispatch()),
        event_pb2.Envelope(tenant="default", task_canceled=canceled(dispatch(task_id=""))),
        event_pb2.Envelope(task_canceled=canceled(dispatch())),
    ],
)
def test_what_is_no_cancel_is_not_taken(executor: Executor, envelope: event_pb2.Envelope) -> None:
    deliveries = [Delivery(envelope, Received("vahana.task.cancel", "p", b""))]
    with pytest.raises(ValueError, match="not the cancel"):
        executor.consumers.canceled(deliveries)


def test_cancels_come_by_their_topic(executor: Executor) -> None:
    envelope = event_pb2.Envelope(tenant="default", task_canceled=canceled(dispatch(), reason=""))
    executor.consumers.canceled([Delivery(envelope, Received("vahana.task.cancel", "p", b""))])
    assert executor.events()[-1].reason == "canceled"
