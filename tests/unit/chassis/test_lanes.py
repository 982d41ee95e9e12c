"""Where messages go: into their lane, by their key, and nowhere else than before in topics without lanes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.bus.lanes import Lane, Lanes, partition, partitions, places
from services.chassis.bus.topics import ALL, TASK_TOPICS, Topic
from services.chassis.ids import new_id
from vahana.event.v1 import task_pb2

laned = st.integers(2, 64).flatmap(
    lambda count: st.builds(Topic, st.just("t"), st.just(count), st.just(0), st.integers(1, count - 1))
)
lanes = st.sampled_from(Lane)


@given(laned, st.text(), lanes)
def test_a_message_stays_in_its_lane(topic, key, lane):
    assert partition(topic, key, lane) in partitions(topic, lane)


@given(laned)
def test_every_partition_is_of_one_lane(topic):
    fast, slow = partitions(topic, Lane.FAST), partitions(topic, Lane.SLOW)
    assert [*fast, *slow] == list(range(topic.partitions))
    assert len(slow) == topic.slow


@given(laned, st.text(), lanes)
def test_the_lane_of_a_message_is_told_by_where_it_is(topic, key, lane):
    known = Lanes()
    known.learn([topic])
    number = known.partition("t", key, lane)
    assert number == partition(topic, key, lane)
    assert known.lane("t", number) is lane


@given(st.integers(1, 64), st.text(), lanes)
def test_topics_without_lanes_are_for_the_bus_to_partition(count, key, lane):
    known, topic = Lanes(), Topic("t", count, 0)
    known.learn([topic])
    assert known.partition("t", key, lane) is None
    assert {known.lane("t", number) for number in range(count)} == {Lane.FAST}
    assert places([topic], [Lane.SLOW]) == frozenset()


@pytest.mark.parametrize("lane", Lane)
def test_processes_spread_over_the_partitions_of_a_lane(lane):
    topic = TASK_TOPICS[1]
    found = Counter(partition(topic, new_id("proc"), lane) for _ in range(4000))
    even = 4000 / len(partitions(topic, lane))
    assert set(found) == set(partitions(topic, lane))
    assert all(0.8 * even < count < 1.2 * even for count in found.values())


def test_the_topics_of_tasks_have_lanes_and_no_others():
    assert {topic.name for topic in ALL if topic.slow} == {topic.name for topic in TASK_TOPICS.values()}
    assert {(topic.partitions, topic.slow) for topic in TASK_TOPICS.values()} == {(6, 2)}
    assert {Lanes().partition(topic.name, "p", Lane.FAST) for topic in ALL if not topic.slow} == {None}


def test_places_are_the_partitions_of_the_lanes_of_all_topics():
    topics = [Topic("a", 3, 0, 1), Topic("b", 2, 0, 1), Topic("c", 2, 0)]
    assert places(topics, [Lane.SLOW]) == {("a", 2), ("b", 1)}
    assert places(topics, ()) == frozenset()


def test_numbers_are_those_of_the_contract():
    assert {lane.name: int(lane) for lane in Lane} == {
        "FAST": task_pb2.LANE_FAST,
        "SLOW": task_pb2.LANE_SLOW,
    }
