"""What a cancel does to a claim, and what its jobs mean then."""

from dataclasses import replace
from itertools import product

import pytest

from services.executor.domain import cancels
from services.executor.domain.cancels import LEAVES_JOBS, ON_CANCEL, Step
from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.jobs import Job, JobState, Seen, Sighting, judge
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.wire import new_claim
from vahana.event.v1 import event_pb2, state_pb2

JOB = Job("x1", "jobs/submit.a1", "42")


def claim(type_: int = 4, attempt: int = 1, **more: object) -> Claim:
    dispatch = event_pb2.TaskDispatched(process_id="p", task_id="t", attempt=attempt, type=type_)
    return replace(new_claim("default", dispatch, 0), **more)


def test_the_tables_are_whole_and_in_the_numbers_of_the_contract() -> None:
    assert set(ON_CANCEL) == set(ClaimState)
    names = ("PRE_JOB_COMMAND", "JOB_SUBMISSION", "MONITORING", "POST_JOB_COMMAND")
    assert [getattr(cancels, name) for name in names] == [
        state_pb2.TaskType.Value(f"TASK_TYPE_{each}") for each in names
    ]
    assert {cancels.weightiest([Sighting(seen, "")]).seen for seen in Seen} == set(Seen)


@pytest.mark.parametrize("state", ClaimState)
def test_what_is_done_at_once(state: ClaimState) -> None:
    assert cancels.step(claim(state=state)) is ON_CANCEL[state]
    assert cancels.step(claim(state=state, dispatch=b"")) is Step.WAIT


@pytest.mark.parametrize(("type_", "attempt", "epoch"), product(range(1, 9), (1, 2), (0, 1)))
def test_what_may_run_on_a_host(type_: int, attempt: int, epoch: int) -> None:
    tried = type_ in LEAVES_JOBS and (attempt > 1 or epoch > 0)
    monitored = type_ == cancels.MONITORING
    assert cancels.may_run(claim(type_, attempt, epoch=epoch)) is (tried or monitored)
    assert cancels.needs_dispatch(type_, attempt) is ((type_ in LEAVES_JOBS and attempt > 1) or monitored)


@pytest.mark.parametrize(("one", "other"), product(Seen, Seen))
def test_what_runs_weighs_most(one: Seen, other: Seen) -> None:
    order = [Seen.RUNNING, Seen.ABSENT, Seen.ENDED, Seen.LOST, Seen.CANCELED, Seen.TOMBSTONE]
    found = cancels.weightiest([Sighting(one, "a"), Sighting(other, "b")])
    assert found.seen is min(one, other, key=order.index)


@pytest.mark.parametrize("seen", Seen)
def test_canceled_is_said_of_what_is_gone_or_never_began_alone(seen: Seen) -> None:
    canceled = cancels.ended_as_asked(JOB, Sighting(seen, "jobs/submit.a1", job_id="42"), "h:22")
    assert (canceled is not None) is (seen in {Seen.CANCELED, Seen.TOMBSTONE})
    if canceled is not None:
        assert canceled.job == replace(JOB, state=JobState.CANCELED)


def test_a_job_on_another_node_is_told_of() -> None:
    trouble = cancels.unreachable_there(Sighting(Seen.RUNNING, "d", elsewhere="node-7"), what="the job", host="h:22")
    assert isinstance(trouble, Waiting)
    assert trouble.reason == "the job runs on node-7 and cannot be ended from h:22; end its processes there"
    assert cancels.unreachable_there(Sighting(Seen.RUNNING, "d"), what="the job", host="h:22") is None


@pytest.mark.parametrize(
    ("sighting", "condition", "state"),
    [
        (Sighting(Seen.ENDED, "d", exit_code=143, timed_out=True), Condition.TIMEOUT, JobState.FAILED),
        (Sighting(Seen.ENDED, "d", exit_code=0, timed_out=True), Condition.TIMEOUT, JobState.FAILED),
        (Sighting(Seen.CANCELED, "d"), Condition.CANCELED_BY_USER, JobState.CANCELED),
    ],
)
def test_a_job_ended_from_outside_is_judged_so(sighting: Sighting, condition: Condition, state: JobState) -> None:
    with pytest.raises(Failure) as failure:
        judge(JOB, sighting, what="the job", host="h:22")
    assert (failure.value.condition, failure.value.job.state) == (condition, state)
