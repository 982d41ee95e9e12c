"""The launch, and the plan the scheduler gets."""

import hashlib
import threading

import grpc
import sqlalchemy as sa
from grpc import StatusCode

from services.experiment.schema import planned_task
from tests.contract.experiment.conftest import READS, digest
from vahana.event.v1 import state_pb2, task_pb2
from vahana.experiment.v1 import process_pb2


def plan(service, process_id, tenant="default", who="scheduler"):
    return list(service.processes(who, tenant).GetPlan(process_pb2.GetPlanRequest(process_id=process_id)))


def test_a_launch_stores_process_tasks_and_message(service):
    made = service.create()
    launched = service.launch(made.experiment_id)
    assert launched.state == state_pb2.EXPERIMENT_STATE_LAUNCHED
    assert launched.revision == made.revision + 1
    answer = service.get(made.experiment_id)
    assert answer.experiment == launched
    assert answer.process.process_id == launched.process_id
    assert answer.process.state == state_pb2.PROCESS_STATE_CREATED
    assert answer.process.directory == f"/scratch/ada/{made.experiment_id}/{launched.process_id}"
    assert [task.task_id for task in answer.tasks][:3] == ["env-setup", "stage-in-reference", "stage-in-reads"]
    assert {task.state for task in answer.tasks} == {state_pb2.TASK_STATE_CREATED}
    assert list(answer.tasks[2].depends_on) == ["env-setup"]

    ((key, envelope),) = service.sent()
    assert key == envelope.aggregate_id == launched.process_id
    assert (envelope.tenant, envelope.source) == ("default", "experiment")
    assert envelope.process_launched.experiment_id == made.experiment_id
    assert envelope.process_launched.task_count == len(answer.tasks)


def test_the_plan_is_the_one_that_was_announced(service, registry):
    launched = service.launched()
    # What the registry says afterwards changes nothing.
    registry.host.address = "192.0.2.1"
    service.learn()
    first, *rest = plan(service, launched.process_id)
    assert (first.header.experiment_id, first.header.process_id) == (launched.experiment_id, launched.process_id)
    assert first.header.target.address == "127.0.0.1"
    assert first.header.target.job_manager == task_pb2.JOB_MANAGER_FORK
    tasks = [task for part in rest for task in part.tasks]
    ((_, envelope),) = service.sent()
    assert len(tasks) == envelope.process_launched.task_count
    digested = hashlib.sha256(first.header.target.SerializeToString(deterministic=True))
    for task in tasks:
        digested.update(task.SerializeToString(deterministic=True))
    assert envelope.process_launched.plan_sha256 == digested.hexdigest()
    retry = tasks[0].retry
    assert (retry.max_attempts, retry.initial_backoff.seconds, retry.blocked_budget.seconds) == (3, 2, 900)
    assert tasks[3].spec.pre_job_command.timeout.seconds == 90


def test_a_large_plan_comes_in_parts(service, registry):
    registry.application.interface.inputs[1].type = 6  # URI_COLLECTION
    service.learn()
    files = [{"sha256": digest(READS), "file_name": f"{number}.fq"} for number in range(1200)]
    made = service.create(inputs=[service.spec().inputs[0], {"name": "reads", "files": files}])
    launched = service.launch(made.experiment_id)
    parts = plan(service, launched.process_id)
    assert [len(part.tasks) for part in parts] == [0, 500, 500, 209]
    assert len(service.get(made.experiment_id).tasks) == 1209


def test_a_plan_of_large_tasks_comes_in_parts_that_fit_into_an_answer(service):
    process_id = service.launched().process_id
    *known, last = (len(part.tasks) for part in plan(service, process_id))
    large = task_pb2.PlannedTask(task_id="large", depends_on=["x" * 900_000]).SerializeToString()
    rows = [
        {"tenant": "default", "process_id": process_id, "ordinal": ordinal, "content": large}
        for ordinal in range(last, last + 5)
    ]
    with service.served.chassis.db.write() as tx:
        tx.execute(sa.insert(planned_task), rows)
    assert [len(part.tasks) for part in plan(service, process_id)] == [*known, last + 2, 2, 1]


def test_a_repeat_gets_the_first_answer_and_launches_nothing(service, registry):
    made = service.create()
    first = service.launch(made.experiment_id, "r-1")
    registry.stop()
    assert service.launch(made.experiment_id, "r-1") == first
    assert len(service.sent()) == 1


def test_an_experiment_is_launched_once(service, refused):
    launched = service.launched()
    for request_id in ("", "r-2"):
        with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as told:
            service.launch(launched.experiment_id, request_id)
        assert launched.process_id in told.message
    assert len(service.sent()) == 1


def launch_at_once(service, experiment_id, request_ids):
    """Launch once a request id, all at the same time; the process ids told and the refusals."""
    told, refusals = [], []

    def launch(request_id):
        try:
            told.append(service.launch(experiment_id, request_id).process_id)
        except grpc.RpcError as error:
            refusals.append(error.code())

    threads = [threading.Thread(target=launch, args=(each,)) for each in request_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return told, refusals


def test_of_launches_at_once_one_wins(service):
    told, refusals = launch_at_once(service, service.create().experiment_id, [f"r-{number}" for number in range(8)])
    assert len(told) == 1
    assert refusals == [StatusCode.FAILED_PRECONDITION] * 7
    assert len(service.sent()) == 1


def test_of_repeats_at_once_all_get_one_answer(service):
    told, refusals = launch_at_once(service, service.create().experiment_id, ["r-1"] * 8)
    assert (len(told), len(set(told)), refusals) == (8, 1, [])
    assert len(service.sent()) == 1


def test_a_launch_that_no_longer_fits_is_refused_whole(service, registry, refused):
    made = service.create()
    registry.application.interface.inputs.add(name="genes", type=1, required=True)
    service.learn()
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.launch(made.experiment_id)
    assert set(told.fields) == {"spec.inputs.genes"}
    assert service.get(made.experiment_id).experiment == made
    assert service.sent() == []


def test_without_the_registry_what_is_known_is_launched(service, registry):
    registry.stop()
    service.launched()
    assert len(service.sent()) == 1


def test_only_the_scheduler_gets_plans_and_only_in_their_tenant(service, launched, refused):
    for who in ("user", "admin", "executor"):
        with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            plan(service, launched.process_id, tenant="", who=who)
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        plan(service, launched.process_id, tenant="other")
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        plan(service, "proc-none")
