"""In which lane a task is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.domain.lanes import LARGE_BYTES, lane_of
from services.scheduler.domain.states import Lane
from vahana.event.v1 import task_pb2

hosts = st.sampled_from(["a:22", "a:2222", "b:22"])


@pytest.mark.parametrize(
    ("staged", "lane"), [(0, Lane.FAST), (LARGE_BYTES, Lane.FAST), (LARGE_BYTES + 1, Lane.SLOW), (2**63, Lane.SLOW)]
)
def test_only_files_over_64_mb_are_slow(staged, lane):
    assert LARGE_BYTES == 64 * 1024**2
    assert lane_of(staged, "h:22", ()) is lane


@given(st.integers(0, 2**64 - 1), hosts, st.sets(hosts))
def test_everything_on_a_slow_host_is_slow_and_what_is_large_is_everywhere(staged, host, slow):
    assert (lane_of(staged, host, slow) is Lane.SLOW) == (host in slow or staged > LARGE_BYTES)


def test_numbers_are_those_of_the_contract():
    assert {lane.name: int(lane) for lane in Lane} == {"FAST": task_pb2.LANE_FAST, "SLOW": task_pb2.LANE_SLOW}
