"""What executors say of attempts that have not ended."""

from dataclasses import replace

import pytest

from services.executor import wire
from services.executor.domain.claims import ClaimState
from services.executor.explaining import Explaining, explain
from tests.contract.executor.support import Executor, dispatch
from vahana.event.v1 import state_pb2, task_pb2

NOW = 10_000_000
CLAIM = wire.new_claim("default", dispatch(budget_ms=60_000), NOW)
JOB = task_pb2.Job(job_id="4711", state=state_pb2.JOB_STATE_ACTIVE).SerializeToString()
BLOCKED = {"blocked": True, "blocked_since_us": NOW, "reason": "h:22 does not answer", "condition": "HOST_UNREACHABLE"}


@pytest.mark.parametrize(
    ("values", "waits_for", "after"),
    [
        ({}, "a free worker of the fast lane for h:22", "the next free worker"),
        ({"next_try_us": NOW + 1, "reason": "others are at work"}, "others are at work", "tried again"),
        ({"state": ClaimState.CLAIMED, "holder": "executor-1"}, "executor-1 works on it", "takes it over"),
        ({"state": ClaimState.WATCHED, "job": JOB}, "its job 4711 on h:22 (active)", "looked at again"),
        ({**BLOCKED, "next_try_us": NOW + 5}, "does not answer", "until 1970-01-01 00:01:10 UTC"),
        ({**BLOCKED, "state": ClaimState.WATCHED}, "does not answer", "until 1970-01-01 00:01:10 UTC"),
        ({"cancel": True, "cancel_reason": "canceled by ada"}, "is being ended: canceled by ada", "CANCELED"),
    ],
)
def test_a_claim_is_explained(values, waits_for, after):
    found = explain(replace(CLAIM, **values), NOW)
    assert found.task_id == "env-setup"
    assert waits_for in found.waits_for
    assert after in found.next
    assert found.HasField("since")


def test_the_claims_of_a_process_that_have_not_ended(executor: Executor) -> None:
    executor.accept(dispatch(), dispatch("stage-in-x"), dispatch("other", process_id="proc-2"))
    explaining = Explaining(executor.db)
    assert {each.task_id for each in explaining.claims("default", "proc-1")} == {"env-setup", "stage-in-x"}
    assert explaining.claims("other", "proc-1") == []
