"""Lanes on every bus: each message in its own, and a closed one that holds nothing up but itself."""

import time

from services.chassis.bus.api import Message
from services.chassis.bus.lanes import Lane, partitions, places
from tests.contract.bus.conftest import every_protocol


def messages(topic, lane, numbers, keys=12):
    return [Message(topic.name, f"key-{n % keys}", f"{n}".encode(), lane=lane) for n in numbers]


def numbers(received, lane):
    return [int(message.value) for message in received if message.lane is lane]


def in_order_by_key(received, keys=12):
    found = {}
    for message in received:
        found.setdefault(message.key, []).append(int(message.value))
    return all(of_key == sorted(of_key) for of_key in found.values())


def test_each_message_takes_a_partition_of_its_lane(harness, publish, join, read):
    topic = harness.topic(6, slow=2)
    publish(messages(topic, Lane.FAST, range(100)) + messages(topic, Lane.SLOW, range(100, 150)))
    received = read(join("g", topic), 150)
    assert sorted(numbers(received, Lane.FAST)) == list(range(100))
    assert sorted(numbers(received, Lane.SLOW)) == list(range(100, 150))
    for lane in Lane:
        assert {each.partition for each in received if each.lane is lane} == set(partitions(topic, lane))


def test_a_topic_without_lanes_gives_a_key_one_partition_in_either(harness, publish, join, read):
    topic = harness.topic(6)
    publish(messages(topic, Lane.FAST, range(60)) + messages(topic, Lane.SLOW, range(60, 120)))
    received = read(join("g", topic), 120)
    assert len(received) == 120
    assert in_order_by_key(received)
    assert len({(each.key, each.partition) for each in received}) == 12


@every_protocol
def test_a_closed_lane_brings_nothing_and_the_other_goes_on(harness, publish, join):
    topic = harness.topic(6, slow=2)
    slow = places([topic], [Lane.SLOW])
    publish(messages(topic, Lane.SLOW, range(20)))
    consumer = join("g", topic)
    first = read_closed(consumer, (), 20)
    publish(messages(topic, Lane.SLOW, range(20, 40)) + messages(topic, Lane.FAST, range(40)))
    meanwhile = read_closed(consumer, slow, 40)
    assert numbers(meanwhile, Lane.SLOW) == []
    assert sorted(numbers(meanwhile, Lane.FAST)) == list(range(40))
    assert consumer.poll(0.5, 100, slow) == []
    consumer.commit(first + meanwhile)
    after = read_closed(consumer, (), 20)
    assert sorted(numbers(after, Lane.SLOW)) == list(range(20, 40))
    assert in_order_by_key(after)


@every_protocol
def test_what_had_arrived_when_its_lane_was_closed_comes_once_and_in_order(harness, publish, join):
    topic = harness.topic(2, slow=1)
    slow = places([topic], [Lane.SLOW])
    publish(messages(topic, Lane.SLOW, range(100)) + messages(topic, Lane.FAST, range(100)))
    consumer, received = join("g", topic), []
    deadline = time.monotonic() + 30
    # Opened and closed again and again, with all of it fetched long since.
    for turn in range(10_000):
        assert time.monotonic() < deadline
        batch = consumer.poll(0.2, 7, slow if turn % 3 else ())
        assert not (turn % 3 and numbers(batch, Lane.SLOW))
        received += batch
        if len(received) == 200:
            break
    assert numbers(received, Lane.SLOW) == numbers(received, Lane.FAST) == list(range(100))


@every_protocol
def test_a_member_that_rested_takes_up_its_closed_lane_where_it_was(harness, publish, join):
    topic = harness.topic(2, slow=1)
    slow = places([topic], [Lane.SLOW])
    publish(messages(topic, Lane.SLOW, range(5)))
    consumer = join("g", topic)
    received = read_closed(consumer, (), 5)
    publish(messages(topic, Lane.SLOW, range(5, 10)) + messages(topic, Lane.FAST, range(5)))
    assert consumer.retain(received) == received
    assert numbers(read_closed(consumer, slow, 5), Lane.FAST) == list(range(5))
    assert consumer.retain(received) == received
    assert consumer.poll(0.5, 100, slow) == []
    assert numbers(read_closed(consumer, (), 5), Lane.SLOW) == list(range(5, 10))


@every_protocol
def test_partitions_that_move_while_their_lane_is_closed_stay_closed_and_lose_nothing(harness, publish, join):
    topic = harness.topic(6, slow=2)
    slow = places([topic], [Lane.SLOW])
    first = join("g", topic)
    publish(messages(topic, Lane.FAST, range(20)))
    first.commit(read_closed(first, slow, 20))
    publish(messages(topic, Lane.SLOW, range(50)))
    second, sent, seen = join("g", topic), 20, []
    deadline = time.monotonic() + 30
    # Until the newcomer gets something of the fast lane, it is not known to have a partition.
    while not seen:
        assert time.monotonic() < deadline
        publish(messages(topic, Lane.FAST, range(sent, sent + 20)))
        sent += 20
        batch = first.poll(0.2, 100, slow)
        assert numbers(batch, Lane.SLOW) == []
        first.commit(batch)
        seen = second.poll(0.2, 100, slow)
        assert numbers(seen, Lane.SLOW) == []
    first.close()
    left = []
    while len(numbers(left, Lane.SLOW)) < 50:
        assert time.monotonic() < deadline
        left += second.poll(0.2, 100)
    assert sorted(numbers(left, Lane.SLOW)) == list(range(50))
    assert in_order_by_key([message for message in left if message.lane is Lane.SLOW])


def read_closed(consumer, closed, count):
    """Poll until `count` messages have come."""
    received, deadline = [], time.monotonic() + 20
    while len(received) < count and time.monotonic() < deadline:
        received += consumer.poll(0.5, 100, closed)
    return received
