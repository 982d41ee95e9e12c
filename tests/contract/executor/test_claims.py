"""Claims in a real database of either kind."""

import threading
from collections import Counter

import pytest

from services.chassis.db import Database
from services.chassis.errors import NotAllowed, Unavailable
from services.executor import storage
from services.executor.domain.claims import ClaimState
from services.executor.domain.jobs import Job, tail
from services.executor.domain.outcomes import Done, StoredFile, Watched
from services.executor.domain.seats import Sizes
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.looking import Verdict
from services.executor.watcher import Watcher
from tests.contract.executor.support import COMPLETED, EXECUTING, FAILED, Executor, dispatch, states
from vahana.event.v1 import state_pb2, task_pb2


def test_a_dispatch_is_accepted_worked_on_and_ended(executor: Executor) -> None:
    executor.task = lambda context: Done(file=StoredFile("reads", "reads.fq", "0" * 64, 5))
    executor.accept(dispatch())
    assert executor.claim().state == ClaimState.ACCEPTED
    assert executor.events() == []
    executor.work()
    assert executor.claim().state == ClaimState.ENDED
    first, last = executor.events()
    assert [(event.task_state, event.seq) for event in (first, last)] == [(EXECUTING, 1), (COMPLETED, 2)]
    assert last.file.size == 5
    assert (last.source, last.process_id, last.task_id, last.attempt) == ("executor", "proc-1", "env-setup", 1)
    assert last.facts["compute_resource"] == "local"
    envelope = executor.envelopes()[1]
    assert (envelope.id, envelope.tenant, envelope.aggregate_id) == (
        "executor/proc-1/env-setup/1/2",
        "default",
        "proc-1",
    )


def test_a_repeated_dispatch_changes_nothing_until_its_claim_has_ended(executor: Executor) -> None:
    executor.accept(dispatch(), dispatch())
    executor.accept(dispatch())
    executor.work()
    executor.mark_all_sent()
    executor.accept(dispatch("other"))
    assert executor.unsent() == []
    executor.accept(dispatch())
    assert executor.unsent() == ["executor/proc-1/env-setup/1/1", "executor/proc-1/env-setup/1/2"]
    assert len(executor.events()) == 2


def test_a_dispatch_repeated_while_it_is_worked_on_resends_nothing(executor: Executor) -> None:
    executor.accept(dispatch())
    executor.take()
    executor.mark_all_sent()
    executor.accept(dispatch())
    assert executor.unsent() == []


def test_a_blocked_attempt_is_tried_again_and_tells_its_reason_once(executor: Executor) -> None:
    troubles = iter(
        [
            Waiting(Condition.HOST_UNREACHABLE, "h does not answer"),
            Waiting(Condition.HOST_UNREACHABLE, "h does not answer"),
            Waiting(Condition.DISK_FULL, "h has no space"),
        ]
    )

    def task(_: object) -> Done:
        for trouble in troubles:
            raise trouble
        return Done()

    executor.task = task
    executor.accept(dispatch())
    while executor.claim().state != ClaimState.ENDED:
        executor.work()
    assert states(executor) == [
        (EXECUTING, False),
        (EXECUTING, True),
        (EXECUTING, True),
        (EXECUTING, False),
        (COMPLETED, False),
    ]
    assert [event.seq for event in executor.events()] == [1, 2, 3, 4, 5]
    assert executor.events()[1].reason == "h does not answer"
    assert executor.events()[1].condition_code == state_pb2.CONDITION_CODE_HOST_UNREACHABLE


def test_a_spent_budget_fails_the_attempt_for_good(executor: Executor) -> None:
    executor.accept(dispatch(budget_ms=100))

    def task(_: object) -> Done:
        raise Waiting(Condition.LOGIN_REFUSED, "h refuses the login")

    executor.task = task
    while executor.claim().state != ClaimState.ENDED:
        executor.work()
    last = executor.events()[-1]
    assert (last.task_state, last.retryable) == (FAILED, False)
    assert last.condition_code == state_pb2.CONDITION_CODE_LOGIN_REFUSED
    assert last.reason == "gave up after 0.1 s: h refuses the login"


def test_the_budget_survives_a_restart(db: Database) -> None:
    first, second = Executor(db, "executor-first"), Executor(db, "executor-second")
    first.accept(dispatch())
    (claim,) = first.take()
    first.settle(claim, Waiting(Condition.DISK_FULL, "full"))
    since = first.claim().blocked_since_us
    while not (again := second.take()):
        second.cut.wait(0.005)
    second.settle(again[0], Waiting(Condition.QUOTA_EXCEEDED, "quota"))
    assert second.claim().blocked_since_us == since


def test_other_services_that_do_not_answer_block_and_refusals_fail(executor: Executor) -> None:
    def task(_: object) -> Done:
        raise Unavailable("experiment does not answer")

    executor.task = task
    executor.accept(dispatch())
    executor.round()
    while executor.dispatcher.held():
        executor.cut.wait(0.005)
        executor.round()
    event = executor.events()[-1]
    assert (event.blocked, event.condition_code) == (True, state_pb2.CONDITION_CODE_SERVICE_UNAVAILABLE)


def test_a_defect_fails_the_attempt_and_may_be_retried(executor: Executor) -> None:
    def task(_: object) -> Done:
        raise KeyError("surprise")

    executor.task = task
    executor.accept(dispatch())
    executor.work()
    event = executor.events()[-1]
    assert (event.task_state, event.retryable) == (FAILED, True)
    assert "surprise" in event.reason


@pytest.mark.parametrize("ids", [{"process_id": "../x"}, {"experiment_id": "a/b"}, {"task_id": "x y"}])
def test_ids_that_are_not_well_formed_fail_the_attempt(executor: Executor, ids: dict[str, str]) -> None:
    executor.accept(dispatch(**ids))
    executor.work()
    event = executor.events()[-1]
    assert (event.task_state, event.retryable) == (FAILED, False)
    assert "not well formed" in event.reason


def test_monitoring_is_watched_from_the_beginning(executor: Executor) -> None:
    spec = task_pb2.TaskSpec(monitoring=task_pb2.Monitoring(job_task_id="submit"))
    job = task_pb2.Job(name="x1", job_id="42", directory="jobs/submit.a1")
    executor.accept(dispatch("monitor", type=state_pb2.TASK_TYPE_MONITORING, spec=spec, jobs={"submit": job}))
    claim = executor.claim("monitor")
    assert claim.state == ClaimState.WATCHED
    assert task_pb2.Job.FromString(claim.job) == job
    assert states(executor) == [(EXECUTING, False)]
    assert executor.take() == []


def test_a_watched_claim_waits_and_ends_without_a_worker(executor: Executor) -> None:
    executor.accept(dispatch())
    (claim,) = executor.take()
    assert executor.settle(claim, Watched(Job("x1", "jobs/pre-job.a1", "42"), deadline_us=7))
    claim = executor.claim()
    assert (claim.state, claim.deadline_us) == (ClaimState.WATCHED, 7)
    executor.settle(claim, Waiting(Condition.HOST_UNREACHABLE, "away"))
    claim = executor.claim()
    executor.settle(claim, Waiting(Condition.HOST_UNREACHABLE, "away"))
    assert executor.claim() == claim
    with executor.db.write() as tx:
        (claim,) = executor.ledger.settle(tx, [(claim, None)])
    assert claim.blocked_since_us == 0
    assert executor.settle(claim, Done())
    assert states(executor) == [(EXECUTING, False), (EXECUTING, True), (EXECUTING, False), (COMPLETED, False)]


def test_one_host_holds_at_most_a_quarter_of_a_pool(db: Database) -> None:
    executor = Executor(db, "executor-one", sizes=Sizes(8, 8, 64))
    go = threading.Event()

    def wait(context: object) -> Done:
        go.wait(20)
        return Done()

    executor.task = wait
    executor.accept(*(dispatch(f"slow-{number}", host="slow") for number in range(30)))
    executor.accept(*(dispatch(f"fast-{number}", host=f"fast-{number}") for number in range(3)))
    executor.round()
    with db.read() as tx:
        held = [claim for claim in storage.list_open(tx, "default", None, 100) if claim.state == ClaimState.CLAIMED]
    assert Counter(claim.host for claim in held) == {"slow:22": 2, "fast-0:22": 1, "fast-1:22": 1, "fast-2:22": 1}
    go.set()
    executor.work()


def test_cleanup_is_told_of_others(executor: Executor) -> None:
    executor.accept(dispatch("cleanup"), dispatch("stage-out"), dispatch("old", process_id="proc-2"))
    key = executor.claim("cleanup").key

    def live() -> bool:
        with executor.db.read() as tx:
            return storage.others_live(tx, key)

    assert not live()
    claims = {claim.task_id: claim for claim in executor.take()}
    assert live()
    executor.settle(claims["stage-out"], Done())
    assert not live()


def test_ended_claims_are_forgotten_in_time(executor: Executor) -> None:
    executor.accept(dispatch(), dispatch("open"))
    claims = {claim.task_id: claim for claim in executor.take()}
    executor.settle(claims["env-setup"], Done())
    with executor.db.write() as tx:
        assert storage.purge(tx, executor.db.now_us(tx) - 10**9) == 0
        assert storage.purge(tx, executor.db.now_us(tx) + 1) == 1
    assert executor.claim("open").state == ClaimState.CLAIMED


def test_events_carry_the_job_of_a_submission_only(executor: Executor) -> None:
    job = Job("x1", "jobs/submit.a1", "42", 5)
    executor.task = lambda context: Done(job=job)
    executor.accept(dispatch("submit", type=state_pb2.TASK_TYPE_JOB_SUBMISSION), dispatch("env-setup"))
    executor.work()
    told = {event.task_id: event for event in executor.events() if event.task_state == COMPLETED}
    assert told["submit"].job.job_id == "42"
    assert told["submit"].job.state == state_pb2.JOB_STATE_SUBMITTED
    assert not told["env-setup"].HasField("job")
    assert task_pb2.Job.FromString(executor.claim("submit").job).job_id == "42"


def test_the_name_of_a_job_is_stored_with_its_claim(executor: Executor) -> None:
    executor.accept(dispatch("submit", type=state_pb2.TASK_TYPE_JOB_SUBMISSION, attempt=2))
    job = task_pb2.Job.FromString(executor.claim("submit", 2).job)
    assert (job.name, job.directory) == ("xproc-1-submit.a2.g1", "jobs/submit.a2")


def test_a_reason_with_what_no_database_stores_is_written(executor: Executor) -> None:
    executor.accept(dispatch())
    (claim,) = executor.take()
    said = tail("a\0b\n")
    assert executor.settle(claim, Failure(Condition.NONZERO_EXIT, f"ended; its stderr: {said} \0"))
    assert executor.events()[-1].reason == "ended; its stderr: a\ufffdb \ufffd"


@pytest.mark.parametrize("error", [ValueError("a defect"), NotAllowed("not for you")])
def test_a_look_that_fails_is_told_and_given_up_in_the_end(executor: Executor, error: Exception) -> None:
    def fail(claims: object, now: int) -> list[Verdict]:
        raise error

    executor.accept(dispatch("monitor", type=state_pb2.TASK_TYPE_MONITORING, budget_ms=1))
    watcher = Watcher(executor.db, executor.ledger, fail, holder="executor-one")
    account = executor.claim("monitor").account
    assert isinstance(watcher.poll(account), Waiting)
    assert executor.events()[-1].blocked
    executor.cut.wait(0.01)
    watcher.poll(account)
    assert executor.events()[-1].task_state == state_pb2.TASK_STATE_FAILED
