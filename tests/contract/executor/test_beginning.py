"""Claims that begin as they come, and batches of them, in a real database of either kind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from services.chassis.db import Database
from services.chassis.errors import Unavailable
from services.executor.domain.claims import ClaimState
from services.executor.domain.outcomes import Done
from services.executor.domain.seats import Sizes
from services.executor.domain.troubles import Condition, Failure, Waiting
from tests.contract.executor.support import COMPLETED, EXECUTING, Executor, dispatch, states

WRITING = "vahana.after_commit"


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements of write transactions during the block, BEGIN left out, and "COMMIT" for each that ends."""
    seen: list[str] = []

    def executed(connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        if WRITING in connection.info:
            seen.append(statement.split(maxsplit=1)[0])

    def committed(connection: sa.Connection) -> None:
        if WRITING in connection.info:
            seen.append("COMMIT")

    event.listen(db._engine, "after_cursor_execute", executed)
    event.listen(db._engine, "commit", committed)
    yield seen
    event.remove(db._engine, "after_cursor_execute", executed)
    event.remove(db._engine, "commit", committed)


def begin(executor: Executor) -> None:
    """Let newcomers begin, as a running dispatcher does."""
    executor.dispatcher._seating.open = True


def worked(executor: Executor, count: int) -> None:
    """Wait until so many workers are done, which nobody has written yet."""
    while sum(turn.over for turn in executor.dispatcher._roster.turns()) < count:
        executor.cut.wait(0.005)


def settle_all(executor: Executor) -> None:
    while executor.dispatcher.held():
        executor.dispatcher._news.wait(10)
        executor.dispatcher._news.clear()
        executor.dispatcher.round(claiming=False)


def test_a_newcomer_is_stored_as_begun_and_costs_two_commits(executor: Executor) -> None:
    begin(executor)
    with counted(executor.db) as seen:
        executor.accept(dispatch())
        claim = executor.claim()
        settle_all(executor)
    assert (claim.state, claim.epoch, claim.holder, claim.seq) == (ClaimState.CLAIMED, 1, "executor-one", 1)
    assert claim.lease_until_us > claim.created_us
    assert states(executor) == [(EXECUTING, False), (COMPLETED, False)]
    assert seen.count("COMMIT") == 2


def test_fifty_newcomers_cost_as_many_statements_as_one(db: Database) -> None:
    executor, gate = Executor(db, "executor-one", sizes=Sizes(256, 1, 256)), threading.Event()
    executor.task = lambda context: gate.wait(10) and Done()
    begin(executor)
    with counted(db) as seen:
        executor.accept(*(dispatch(f"task-{number}") for number in range(50)))
        gate.set()
        worked(executor, 50)
        executor.dispatcher.round(claiming=False)
    assert executor.dispatcher.held() == 0
    assert seen.count("COMMIT") == 2
    assert seen.count("INSERT") == 3  # claims, their first events, their last
    assert seen.count("UPDATE") == 1
    assert len(executor.events()) == 100


def test_what_finds_no_seat_waits_and_newcomers_wait_behind_it(db: Database) -> None:
    executor, gate = Executor(db, "executor-one", sizes=Sizes(4, 4, 64)), threading.Event()
    executor.task = lambda context: gate.wait(10) and Done()
    begin(executor)
    executor.accept(dispatch("first"), dispatch("second"))
    assert [executor.claim(task).state for task in ("first", "second")] == [ClaimState.CLAIMED, ClaimState.ACCEPTED]
    gate.set()
    worked(executor, 1)
    executor.accept(dispatch("third"), dispatch("elsewhere", host="other"))
    assert executor.claim("third").state == ClaimState.ACCEPTED
    assert executor.claim("elsewhere").state == ClaimState.CLAIMED
    executor.round()
    assert executor.claim("second").state == ClaimState.CLAIMED
    executor.work()
    assert executor.claim("third").state == ClaimState.ENDED


def test_a_repeated_or_canceled_dispatch_takes_no_seat(executor: Executor) -> None:
    executor.accept(dispatch("known"))
    begin(executor)
    executor.cancel(dispatch("barred"))
    executor.accept(dispatch("known"), dispatch("barred"))
    assert executor.dispatcher.held() == 0
    assert not executor.dispatcher._seating._seats._taken


def test_seats_are_free_again_where_the_commit_fails(executor: Executor) -> None:
    begin(executor)

    def refuse(_connection: sa.Connection) -> None:
        raise Unavailable("the disk is gone")

    event.listen(executor.db._engine, "commit", refuse)
    with pytest.raises(Unavailable):
        executor.accept(dispatch())
    event.remove(executor.db._engine, "commit", refuse)
    assert not executor.dispatcher._seating._seats._taken
    executor.accept(dispatch())
    settle_all(executor)
    assert executor.claim().state == ClaimState.ENDED


def test_of_a_batch_only_what_was_lost_is_abandoned(db: Database) -> None:
    stopped, other = Executor(db, "executor-stopped"), Executor(db, "executor-other")
    stopped.accept(*(dispatch(f"task-{number}") for number in range(6)))
    old = {claim.task_id: claim for claim in stopped.take()}
    with db.write() as tx:
        tx.execute(sa.text("UPDATE claim SET lease_until_us = 0 WHERE task_id IN ('task-1', 'task-4')"))
    new = other.take()
    verdicts = [Done(), Done(), Failure(Condition.UNKNOWN, "x"), Waiting(Condition.DISK_FULL, "x"), Done(), Done()]
    pairs = [(old[f"task-{number}"], verdict) for number, verdict in enumerate(verdicts)]
    with db.write() as tx:
        after = stopped.ledger.settle(tx, pairs)
    assert [claim is None for claim in after] == [False, True, False, False, True, False]
    assert sorted(claim.task_id for claim in new) == ["task-1", "task-4"]
    assert all(other.claim(claim.task_id) == claim for claim in new)
    last = {each.task_id: each.seq for each in stopped.events()}
    assert last == {f"task-{number}": 1 if number in {1, 4} else 2 for number in range(6)}


def test_one_verdict_that_cannot_be_written_spoils_no_other(executor: Executor) -> None:
    executor.task = lambda context: Done(facts={"much": "x" * 600_000} if context.dispatch.task_id == "large" else {})
    executor.accept(dispatch("large"), dispatch("small"))
    executor.work()
    assert executor.claim("small").state == ClaimState.ENDED
    assert executor.claim("large").state == ClaimState.CLAIMED
