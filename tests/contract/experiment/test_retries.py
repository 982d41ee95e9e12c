"""Retry policies of the spec, from the request to the plan."""

import pytest
from grpc import StatusCode

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import process_pb2

STAGING, SUBMISSION = state_pb2.TASK_TYPE_DATA_STAGING_IN, state_pb2.TASK_TYPE_JOB_SUBMISSION


def seconds(count):
    return {"seconds": count}


def test_a_policy_takes_the_place_of_the_usual_bounds_for_tasks_of_its_type(service):
    condition = {"condition_codes": [state_pb2.CONDITION_CODE_TIMEOUT], "max_attempts": 1}
    retry = {"max_attempts": 7, "total_budget": seconds(3600), "by_condition": [condition]}
    made = service.create(retries=[{"task_type": STAGING, "retry": retry}])
    process_id = service.launch(made.experiment_id).process_id
    plans = service.processes("scheduler", "default")
    parts = plans.GetPlan(process_pb2.GetPlanRequest(process_id=process_id))
    tasks = [task for part in parts for task in part.tasks]
    special = [task.retry for task in tasks if task.type == STAGING]
    usual = [task.retry for task in tasks if task.type == SUBMISSION]
    assert [each.max_attempts for each in special] == [7, 7]
    assert {each.total_budget.seconds for each in special} == {3600}
    assert special[0].by_condition[0].max_attempts == 1
    assert special[0].initial_backoff == usual[0].initial_backoff
    assert [each.max_attempts for each in usual] == [3]
    assert not usual[0].HasField("total_budget")


@pytest.mark.parametrize(
    ("retries", "field"),
    [
        ([{"task_type": STAGING, "retry": {"max_attempts": 101}}], "spec.retries[0].retry.max_attempts"),
        ([{"task_type": 0, "retry": {"max_attempts": 1}}], "spec.retries[0].task_type"),
        ([{"task_type": STAGING}], "spec.retries[0].retry"),
        ([{"task_type": STAGING, "retry": {"max_backoff": seconds(-1)}}], "spec.retries[0].retry.max_backoff"),
        (
            [{"task_type": STAGING, "retry": {"initial_backoff": seconds(9), "max_backoff": seconds(3)}}],
            "spec.retries[0].retry.initial_backoff",
        ),
        ([{"task_type": STAGING, "retry": {}}, {"task_type": STAGING, "retry": {}}], "spec.retries[1].task_type"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(service, refused, retries, field):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.create(retries=retries)
    assert field in told.fields
