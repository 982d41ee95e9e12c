"""Retry policies as experiments' files have them."""

import pytest

from vahana.event.v1 import state_pb2
from vahana_client.cli.retries import task_retries


def test_types_times_and_conditions_are_read():
    faults = []
    condition = {"condition_codes": ["TIMEOUT"], "max_attempts": 1, "max_backoff": 2.5}
    data = {"data-staging-in": {"max_attempts": 5, "total_budget": 3600, "by_condition": [condition]}}
    (found,) = task_retries(data, faults)
    assert faults == []
    assert found.task_type == state_pb2.TASK_TYPE_DATA_STAGING_IN
    assert (found.retry.max_attempts, found.retry.total_budget.seconds) == (5, 3600)
    (rule,) = found.retry.by_condition
    assert list(rule.condition_codes) == [state_pb2.CONDITION_CODE_TIMEOUT]
    assert rule.max_backoff.ToMilliseconds() == 2500


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "retries"),
        ({"nonsense": {}}, "retries.nonsense"),
        ({"cleanup": 3}, "retries.cleanup"),
        ({"cleanup": {"attempts": 3}}, "retries.cleanup"),
        ({"cleanup": {"by_condition": [{"condition_codes": ["NONSENSE"]}]}}, "retries.cleanup"),
        ({"cleanup": {"by_condition": 7}}, "retries.cleanup"),
    ],
)
def test_what_cannot_be_read_is_named(data, field):
    faults = []
    assert task_retries(data, faults) == []
    assert [name for name, _ in faults] == [field]
