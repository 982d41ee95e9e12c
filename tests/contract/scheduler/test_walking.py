"""Processes from launch to their end, through the real handlers, outbox and relay."""

from __future__ import annotations

import time
from itertools import groupby
from typing import Any

import pytest

from services.chassis.errors import DigestMismatch, Unavailable
from vahana.event.v1 import state_pb2, task_pb2

S, C = state_pb2.TaskState, state_pb2.ConditionCode
EXECUTING, COMPLETED, FAILED = S.TASK_STATE_EXECUTING, S.TASK_STATE_COMPLETED, S.TASK_STATE_FAILED
TRANSIENT = {"task_state": FAILED, "reason": "host went away", "condition_code": 1, "retryable": True}
FATAL = {"task_state": FAILED, "reason": "exit code 3", "condition_code": 6, "retryable": False}


def test_a_process_runs_in_the_order_of_its_plan_and_completes(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    done = world.work()
    assert [order.task_id for order in done] == [task.task_id for task in plan]
    assert {order.attempt for order in done} == {1}
    assert done[0].target.scratch == "/scratch"
    assert done[1].spec == plan[1].spec
    assert done[1].retry == plan[1].retry
    states = [state for state, _ in groupby(world.process_states())]
    assert states == ["QUEUED", "EXECUTING", "COMPLETED"]
    assert set(world.task_states().values()) == {"COMPLETED"}


def test_what_is_told_is_numbered_without_gaps_and_ends_with_the_end(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"submit": [TRANSIENT]})
    world.forward(60)
    world.handlers.open_due_attempts()
    world.work()
    told = world.read()
    for key in {(change.task_id, change.attempt) for change in told}:
        numbers = [change.seq for change in told if (change.task_id, change.attempt) == key]
        assert numbers == list(range(1, len(numbers) + 1)), key
    assert [change.process_state for change in told[:2]] == [2, 3]
    assert not told[-1].task_id
    assert told[-1].process_state == state_pb2.PROCESS_STATE_COMPLETED
    phases = [change.phase for change in told if not change.task_id]
    assert phases == sorted(phases)
    assert phases[-1] == state_pb2.PROCESS_PHASE_CLEANING_UP


def test_a_status_leaves_before_the_dispatch_it_goes_with(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.handle()
    with world.db.read() as tx:
        topics = [row.topic for row in world.outbox.unsent(tx, 100)]
    assert topics == ["vahana.status"] * 3 + ["vahana.task.env-setup"]


def test_a_failed_attempt_is_followed_by_another_in_its_time(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"stage-in-a": [TRANSIENT]})
    waiting = world.last()
    assert waiting.process_state == state_pb2.PROCESS_STATE_EXECUTING
    assert waiting.reason.startswith("stage-in-a: attempt 1 of 3 failed: host went away; next attempt at 2")
    assert waiting.condition_code == C.CONDITION_CODE_HOST_UNREACHABLE
    assert waiting.HasField("next_attempt_at")
    assert world.task_states()["stage-in-a"] == "SCHEDULED"
    assert world.woken == 1

    assert world.handlers.open_due_attempts() > 0
    assert world.orders() == []
    world.forward(5)
    world.handlers.open_due_attempts()
    (order,) = world.orders()
    assert (order.task_id, order.attempt) == ("stage-in-a", 2)
    assert world.last().reason == ""
    assert world.handlers.open_due_attempts() > 0
    assert world.orders() == []
    world.say(order, task_state=COMPLETED)
    world.work()
    assert world.last().process_state == state_pb2.PROCESS_STATE_COMPLETED


def test_attempts_spent_fail_the_process_and_skip_the_rest_but_cleanup(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"submit": [TRANSIENT, TRANSIENT, TRANSIENT]})
    for _ in range(2):
        world.forward(60)
        world.handlers.open_due_attempts()
        world.work({"submit": [TRANSIENT]})
    end = world.last()
    assert end.process_state == state_pb2.PROCESS_STATE_FAILED
    assert end.reason == "submit: host went away"
    assert end.condition_code == C.CONDITION_CODE_HOST_UNREACHABLE
    states = world.task_states()
    assert states["submit"] == "FAILED"
    assert {states[name] for name in ("monitor", "stage-out-c", "stage-out-stdout")} == {"SKIPPED"}
    assert states["cleanup"] == "COMPLETED"
    skipped = [change for change in world.read() if change.task_state == S.TASK_STATE_SKIPPED]
    assert len(skipped) == 3
    assert all(change.reason.startswith("skipped: ") for change in skipped)


def test_a_failed_job_still_brings_its_output_home(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"monitor": [FATAL]})
    states = world.task_states()
    assert (states["stage-out-c"], states["stage-out-stdout"]) == ("SKIPPED", "COMPLETED")
    assert world.last().reason == "monitor: exit code 3"


def test_an_optional_task_may_fail(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"stage-out-stdout": [FATAL]})
    assert world.last().process_state == state_pb2.PROCESS_STATE_COMPLETED


@pytest.mark.parametrize(
    ("rule", "outcome", "state"),
    [
        ("ALL_SUCCESS", FATAL, "SKIPPED"),
        ("ALL_SUCCESS", {"task_state": COMPLETED}, "COMPLETED"),
        ("ONE_FAILED", FATAL, "COMPLETED"),
        ("ONE_FAILED", {"task_state": COMPLETED}, "SKIPPED"),
        ("ALL_DONE", FATAL, "COMPLETED"),
    ],
)
def test_cleanup_by_policy(world: Any, task: Any, rule: str, outcome: Any, state: str) -> None:
    cleanup = task("cleanup", "CLEANUP", ["submit"], rule=rule, required=False)
    world.launch("proc-1", [task("submit", "JOB_SUBMISSION"), cleanup])
    world.work({"submit": [outcome]})
    assert world.task_states()["cleanup"] == state


def test_a_required_task_that_could_not_run_fails_the_process(world: Any, task: Any) -> None:
    world.launch("proc-1", [task("a", required=False), task("b", depends_on=["a"])])
    world.work({"a": [FATAL]})
    assert world.last().process_state == state_pb2.PROCESS_STATE_FAILED
    assert world.last().reason == "b: skipped: a task it needs did not complete"


def test_the_first_failure_is_the_reason(world: Any, task: Any) -> None:
    world.launch("proc-1", [task("a"), task("b")])
    one, other = world.orders()
    world.say(other, **{**FATAL, "reason": "came first"})
    world.settle()
    world.say(one, **FATAL)
    assert world.last().reason == "b: came first"


def test_what_needs_a_person_is_not_tried_again(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.work({"env-setup": [{**TRANSIENT, "condition_code": C.CONDITION_CODE_HOST_KEY_MISMATCH}]})
    assert world.last().process_state == state_pb2.PROCESS_STATE_FAILED
    overruled = [change for change in world.read() if change.task_state == FAILED]
    assert [(change.task_id, change.attempt, change.retryable) for change in overruled] == [("env-setup", 1, False)]


def test_jobs_are_told_to_those_that_come_after(world: Any, plan: Any) -> None:
    job = task_pb2.Job(name="xproc-1-submit.a1.g1", job_id="77", state=1, directory="jobs/submit.a1")
    ended = task_pb2.Job(name=job.name, job_id="77", state=6, exit_code=0, directory=job.directory)
    world.launch("proc-1", plan)
    told = {
        order.task_id: dict(order.jobs)
        for order in world.work(
            {
                "submit": [{"task_state": COMPLETED, "job": job}],
                "monitor": [{"task_state": COMPLETED, "job": ended}],
            }
        )
    }
    assert told["stage-in-a"] == {}
    assert told["monitor"] == {"submit": job}
    assert told["stage-out-c"] == told["cleanup"] == {"submit": ended}


def test_late_news_does_not_bring_a_job_back_to_life(world: Any, task: Any) -> None:
    def job(state: int) -> task_pb2.Job:
        return task_pb2.Job(name="x", job_id="1", state=state)  # type: ignore[arg-type]

    world.launch("proc-1", [task("submit", "JOB_SUBMISSION"), task("cleanup", "CLEANUP", ["submit"])])
    (order,) = world.orders()
    world.say(order, task_state=EXECUTING, job=job(state_pb2.JOB_STATE_COMPLETE))
    world.say(order, task_state=COMPLETED, job=job(state_pb2.JOB_STATE_ACTIVE))
    (cleanup,) = world.orders()
    assert cleanup.jobs["submit"].state == state_pb2.JOB_STATE_COMPLETE


def test_an_absent_experiment_service_is_waited_for(world: Any, plan: Any) -> None:
    world.launch("proc-1", plan)
    world.plans.away = True
    deliveries = world.batch()
    with pytest.raises(Unavailable):
        world.consumers.handle(deliveries)
    assert world.rows()["run"] == []
    world.plans.away = False
    world.consumers.handle(deliveries)
    world.work()
    assert world.last().process_state == state_pb2.PROCESS_STATE_COMPLETED


@pytest.mark.parametrize("change", [{"plan_sha256": "0" * 64}, {"task_count": 3}])
def test_another_plan_than_the_one_launched_is_not_walked(world: Any, plan: Any, change: Any) -> None:
    world.launch("proc-1", plan, **change)
    with pytest.raises(DigestMismatch, match="proc-1"):
        world.handle()
    assert world.rows()["run"] == []


def test_a_plan_that_is_no_dag_fails_its_process(world: Any, task: Any) -> None:
    world.launch("proc-1", [task("a", depends_on=["b"]), task("b")])
    assert world.work() == []
    assert world.process_states() == ["QUEUED", "FAILED"]
    assert "task a waits for b" in world.last().reason


def test_a_plan_with_a_task_too_large_to_dispatch_fails_its_process(world: Any, task: Any) -> None:
    large = task("b", depends_on=["a"])
    large.spec.pre_job_command.commands.add(arguments=["x" * 500_000])
    world.launch("proc-1", [task("a"), large])
    assert world.work() == []
    assert world.process_states() == ["QUEUED", "FAILED"]
    assert "task b has more than" in world.last().reason


def test_two_hundred_processes_of_seven_tasks(world: Any, task: Any) -> None:
    names = [f"t{number}" for number in range(7)]
    chain = [
        task(name, depends_on=[before] if before else []) for before, name in zip(["", *names], names, strict=False)
    ]
    began = time.perf_counter()
    for number in range(200):
        world.launch(f"proc-{number:03}", chain)
    done = world.work()
    took = time.perf_counter() - began
    assert len(done) == 1400
    assert sum(change.process_state == state_pb2.PROCESS_STATE_COMPLETED for change in world.read()) == 200
    print(f"\n{world.db.dialect}: {1400 / took:.0f} steps/s, launch to end, bus and executors played")  # noqa: T201


def test_a_fan_of_parallel_tasks(world: Any, task: Any) -> None:
    names = [f"t{number:04}" for number in range(2500)]
    fan = [task("setup"), *(task(name, depends_on=["setup"]) for name in names), task("last", depends_on=names)]
    world.launch("proc-1", fan)
    began = time.perf_counter()
    assert len(world.work()) == 2502
    print(f"\n{world.db.dialect}: {2502 / (time.perf_counter() - began):.0f} steps/s in one process")  # noqa: T201
    assert world.last().process_state == state_pb2.PROCESS_STATE_COMPLETED
