"""Claims whose holder died, was stopped, or shuts down, in a real database of either kind."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chassis.db import Database
from services.executor import storage
from services.executor.changes import TAKEOVERS
from services.executor.channels.api import Result, Site
from services.executor.domain.claims import ClaimState
from services.executor.domain.outcomes import Done, Postponed
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.runner import World
from services.executor.tasks.context import TaskContext
from tests.contract.executor.support import COMPLETED, EXECUTING, FAILED, Executor, dispatch, states
from vahana.event.v1 import state_pb2, task_pb2


def test_two_executors_race_and_every_claim_has_one_holder(db: Database) -> None:
    executors = [Executor(db, f"executor-{number}") for number in range(2)]
    executors[0].accept(*(dispatch(f"task-{number}") for number in range(40)))
    barrier = threading.Barrier(2)

    def race(executor: Executor) -> list[str]:
        barrier.wait()
        return [claim.task_id for _ in range(5) for claim in executor.take()]

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(race, executors))
    assert sorted(taken[0] + taken[1]) == sorted(f"task-{number}" for number in range(40))
    assert len(executors[0].events()) == 40


def test_an_expired_claim_is_taken_over_and_its_old_holder_writes_nothing(db: Database) -> None:
    stopped, other = Executor(db, "executor-stopped"), Executor(db, "executor-other")
    stopped.accept(dispatch())
    (old,) = stopped.take()
    assert other.take() == []
    other.expire()
    (new,) = other.take()
    assert (new.epoch, new.holder, new.takeovers) == (old.epoch + 1, "executor-other", 1)
    for verdict in (Done(), Failure(Condition.UNKNOWN, "x"), Waiting(Condition.DISK_FULL, "x"), Postponed(1, "x")):
        assert not stopped.settle(old, verdict)
    with db.write() as tx:
        assert stopped.ledger.settle(tx, [(old, None)]) == [None]
        storage.renew(tx, [(old, old.queue)], 2**60)
    assert other.claim() == new
    assert other.settle(new, Done())
    assert [(event.task_state, event.seq) for event in other.events()] == [(EXECUTING, 1), (COMPLETED, 2)]


def test_a_lease_that_is_renewed_is_not_taken_over(db: Database) -> None:
    holder, other = Executor(db, "executor-holder", lease_seconds=0.4), Executor(db, "executor-other")
    go, stop = threading.Event(), threading.Event()

    def wait(_: object) -> Done:
        go.wait(20)
        return Done()

    holder.task = wait
    holder.accept(dispatch())
    renewing = threading.Thread(target=holder.dispatcher.renewal.run, args=(stop,))
    renewing.start()
    holder.round()
    seen = Counter[int]()
    for _ in range(20):
        seen[len(other.take())] += 1
        stop.wait(0.05)
    go.set()
    holder.work()
    stop.set()
    renewing.join()
    assert seen == {0: 20}
    assert holder.claim().state == ClaimState.ENDED


@pytest.mark.parametrize(
    ("kind", "again"), [(state_pb2.TASK_TYPE_ENV_SETUP, True), (state_pb2.TASK_TYPE_JOB_SUBMISSION, False)]
)
def test_too_many_takeovers_park_the_claim(executor: Executor, kind: int, again: bool) -> None:
    executor.accept(dispatch(type=kind))
    for takeovers in range(TAKEOVERS):
        (claim,) = executor.take()
        assert claim.takeovers == takeovers
        executor.expire()
    assert executor.take() == []
    assert executor.claim().state == ClaimState.ENDED
    last = executor.events()[-1]
    assert (last.task_state, last.condition_code) == (FAILED, state_pb2.CONDITION_CODE_TAKEOVERS_EXHAUSTED)
    # Of what may have run a program of the user nobody has looked how that ended.
    assert last.retryable is again


def test_getting_on_starts_the_count_of_takeovers_again(executor: Executor) -> None:
    executor.accept(dispatch())
    for _ in range(4):
        executor.take()
        executor.expire()
        (claim,) = executor.take()
        assert claim.takeovers == 1
        assert executor.settle(claim, Postponed(0, "not yet"))
    assert executor.claim().state == ClaimState.ACCEPTED


def test_a_shutdown_gives_back_what_was_not_finished(db: Database) -> None:
    executor, successor = Executor(db, "executor-one"), Executor(db, "executor-two")
    go, stop = threading.Event(), threading.Event()
    executor.task = lambda context: go.wait(20) and Done()
    executor.accept(dispatch())
    thread = threading.Thread(target=executor.dispatcher.run, args=(stop,), kwargs={"drain_seconds": 0.1})
    thread.start()
    while not executor.dispatcher.held():
        stop.wait(0.005)
    stop.set()
    thread.join(10)
    (claim,) = successor.take()
    assert claim.takeovers == 0
    go.set()
    assert not executor.settle(*executor.late_verdict())
    assert successor.claim() == claim


def test_a_restart_on_sqlite_takes_over_at_once(db: Database) -> None:
    if db.dialect != "sqlite":
        pytest.skip("on PostgreSQL others may live: leases are waited for")
    killed, successor = Executor(db, "executor-killed"), Executor(db, "executor-two")
    killed.accept(dispatch())
    killed.take()
    stop = threading.Event()
    thread = threading.Thread(target=successor.dispatcher.run, args=(stop,))
    thread.start()
    while successor.claim().state != ClaimState.ENDED:
        stop.wait(0.005)
    stop.set()
    thread.join(10)
    assert successor.claim().epoch == 2


def test_an_executor_that_was_stopped_takes_nothing_from_its_own_workers(db: Database) -> None:
    stopped, started, gate = Executor(db, "executor-one", lease_seconds=0.2), threading.Event(), threading.Event()

    def work(_context: object) -> Done:
        started.set()
        gate.wait(10)
        return Done()

    stopped.task = work
    stopped.accept(dispatch())
    assert stopped.round() == 1
    assert started.wait(10)
    stopped.cut.wait(0.5)  # past its lease: nothing renews it here
    assert stopped.round() == 0
    gate.set()
    stopped.work()
    claim = stopped.claim()
    assert (claim.state, claim.epoch, claim.takeovers) == (ClaimState.ENDED, 1, 0)


def test_a_shutdown_gives_back_what_has_just_gone_on(executor: Executor) -> None:
    gate, going = threading.Event(), threading.Event()

    def work(context: TaskContext) -> Done:
        context.channel.run("")
        going.set()
        gate.wait(10)
        return Done()

    executor.accept(dispatch())
    (claim,) = executor.take()
    executor.settle(claim, Waiting(Condition.HOST_UNREACHABLE, "away"))
    executor.task = work
    executor.runner._world = World(AnsweringChannels(), None, {task_pb2.JOB_MANAGER_FORK: None})
    while not executor.round():
        executor.cut.wait(0.01)
    assert going.wait(10)
    stop = threading.Event()
    stop.set()
    executor.dispatcher.run(stop, drain_seconds=0.01)
    assert executor.claim().state == ClaimState.ACCEPTED
    gate.set()
    assert not executor.settle(*executor.late_verdict())
    assert executor.claim().state == ClaimState.ACCEPTED


class AnsweringChannels:
    """Channels to hosts where every script succeeds."""

    def channel(self, site: Site, process_id: str) -> "AnsweringChannels":
        return self

    def run(self, script: str, arguments: Sequence[str] = (), **_: object) -> Result:
        return Result(0, b"", b"")


@pytest.mark.parametrize("former_first", [True, False])
def test_of_two_turns_at_one_claim_that_end_at_once_the_present_one_counts(
    executor: Executor, former_first: bool
) -> None:
    executor.accept(dispatch())
    (former,) = executor.take()
    executor.expire()
    (present,) = executor.take()
    ended = [(former, Done()), (present, Done())]
    with executor.db.write() as tx:
        after = executor.ledger.settle(tx, ended if former_first else ended[::-1])
    assert [claim is not None for claim in after] == ([False, True] if former_first else [True, False])
    assert states(executor) == [(EXECUTING, False), (COMPLETED, False)]
