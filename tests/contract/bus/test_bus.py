"""What every bus does, whichever it is."""

import time

import pytest

from services.chassis.bus.api import Message
from services.chassis.bus.topics import Topic
from services.chassis.errors import Unavailable
from tests.contract.bus.conftest import every_protocol


def messages(topic, count, keys=1, start=0):
    return [
        Message(topic.name, f"key-{n % keys}", f"{n}".encode(), (("id", b"m"),)) for n in range(start, start + count)
    ]


def numbers(received):
    return [int(message.value) for message in received]


def test_what_arrives_is_what_was_sent(harness, publish, join, read):
    topic = harness.topic()
    publish([Message(topic.name, "proc-1", b"\x00value", (("id", b"msg-1"), ("source", b"scheduler")))])
    (received,) = read(join("g", topic), 1)
    assert (received.topic, received.key, received.value) == (topic.name, "proc-1", b"\x00value")
    assert received.header("source") == "scheduler"
    assert received.header("id") == "msg-1"
    assert received.header("absent") == ""


def test_messages_of_one_key_keep_their_order(harness, publish, join, read):
    topic = harness.topic()
    for start in range(0, 300, 100):
        publish(messages(topic, 100, keys=7, start=start))
    received = read(join("g", topic), 300)
    assert len(received) == 300
    for key in {message.key for message in received}:
        of_key = numbers([message for message in received if message.key == key])
        assert of_key == sorted(of_key)
        assert len({message.partition for message in received if message.key == key}) == 1


def test_keys_spread_over_partitions(harness, publish, join, read):
    topic = harness.topic(4)
    publish(messages(topic, 200, keys=50))
    assert {message.partition for message in read(join("g", topic), 200)} == {0, 1, 2, 3}


def test_poll_honours_its_limit(harness, publish, join, read):
    topic = harness.topic(1)
    publish(messages(topic, 20))
    consumer = join("g", topic)
    batches = []
    while sum(map(len, batches)) < 20:
        batches.append(consumer.poll(1.0, 6))
    assert max(map(len, batches)) <= 6
    assert numbers([message for batch in batches for message in batch]) == list(range(20))


@every_protocol
def test_what_was_not_committed_comes_again(harness, publish, join, read):
    topic = harness.topic(1)
    publish(messages(topic, 10))
    first = harness.bus.consumer("g", [topic])
    assert numbers(read(first, 10)) == list(range(10))
    first.close()
    assert numbers(read(join("g", topic), 10)) == list(range(10))


@every_protocol
def test_a_commit_is_where_the_next_member_goes_on(harness, publish, join, read):
    topic = harness.topic(1)
    publish(messages(topic, 10))
    first = harness.bus.consumer("g", [topic])
    received = read(first, 10)
    first.commit(received[:4])
    first.close()
    assert numbers(read(join("g", topic), 6)) == list(range(4, 10))


def test_each_group_gets_every_message(harness, publish, join, read):
    topic = harness.topic()
    one, two = join("one", topic), join("two", topic)
    publish(messages(topic, 30, keys=5))
    assert sorted(numbers(read(one, 30))) == list(range(30))
    assert sorted(numbers(read(two, 30))) == list(range(30))


@every_protocol
def test_members_of_a_group_share_the_messages(harness, publish, join):
    topic = harness.topic(4)
    members = [join("g", topic), join("g", topic)]
    seen = {0: [], 1: []}
    deadline = time.monotonic() + 30
    sent = 0
    while time.monotonic() < deadline and not (seen[0] and seen[1]):
        publish(messages(topic, 20, keys=20, start=sent))
        sent += 20
        for index, member in enumerate(members):
            received = member.poll(0.3, 100)
            seen[index] += received
            member.commit(received)
    assert all(seen.values())
    while len(set(numbers(seen[0] + seen[1]))) < sent and time.monotonic() < deadline:
        for index, member in enumerate(members):
            seen[index] += member.poll(0.3, 100)
    assert set(numbers(seen[0] + seen[1])) == set(range(sent))


def test_members_share_each_topic_alike(harness, publish, join):
    topics = [harness.topic(8), harness.topic(8)]
    members = [join("g", *topics), join("g", *topics)]
    seen = {0: set(), 1: set()}
    deadline = time.monotonic() + 30
    sent = 0
    while time.monotonic() < deadline and not all(len(each) == len(topics) for each in seen.values()):
        for topic in topics:
            publish(messages(topic, 20, keys=20, start=sent))
        sent += 20
        for index, member in enumerate(members):
            received = member.poll(0.3, 100)
            # What the first one read before the other had joined says nothing.
            seen[index] |= {each.topic for each in received} if seen[1] or index == 1 else set()
            member.commit(received)
    assert seen == {0: {topic.name for topic in topics}, 1: {topic.name for topic in topics}}


@every_protocol
def test_what_was_committed_before_partitions_move_is_not_delivered_again(harness, publish, join, read):
    topic = harness.topic(4)
    publish(messages(topic, 40, keys=20))
    first = join("g", topic)
    first.commit(read(first, 40))
    second = join("g", topic)
    seen = []
    deadline = time.monotonic() + 30
    sent = 40
    # Until the newcomer gets something, it is not known to have a partition.
    while not seen and time.monotonic() < deadline:
        publish(messages(topic, 20, keys=20, start=sent))
        sent += 20
        first.commit(first.poll(0.2, 100))
        seen += second.poll(0.2, 100)
    assert seen
    assert min(numbers(seen)) >= 40


@every_protocol
def test_a_retaining_member_takes_nothing_and_loses_nothing(harness, publish, join, read):
    topic = harness.topic(1)
    publish(messages(topic, 5))
    consumer = join("g", topic)
    received = read(consumer, 5)
    publish(messages(topic, 5, start=5))
    for _ in range(3):
        assert consumer.retain(received) == received
        time.sleep(0.1)
    consumer.commit(received)
    assert numbers(read(consumer, 5)) == list(range(5, 10))


def test_publish_returns_after_the_acknowledgement(harness, publish, join, read):
    topic = harness.topic(1)
    consumer = join("g", topic)
    consumer.poll(0.1, 1)
    for n in range(5):
        publish(messages(topic, 1, start=n))
        assert numbers(read(consumer, 1)) == [n]


def test_ensuring_topics_twice_changes_nothing(harness, publish, join, read):
    topic = harness.topic(2)
    publish(messages(topic, 4, keys=4))
    harness.bus.ensure_topics([topic, Topic("another", 1, 0)])
    assert len(read(join("g", topic), 4)) == 4


def test_publishing_to_a_missing_topic_fails(harness):
    producer = harness.hasty_bus().producer()
    with pytest.raises(Unavailable):
        producer.publish(messages(Topic("never-created", 1, 0), 1))
    producer.close()


@every_protocol
def test_an_outage_is_said_and_mends_itself(harness, read):
    topic = harness.topic(1)
    bus = harness.hasty_bus()
    producer, consumer = bus.producer(), bus.consumer("g", [topic])
    publish_until_taken(producer, messages(topic, 5))
    received = read(consumer, 5)
    with harness.outage():
        with pytest.raises(Unavailable):
            producer.publish(messages(topic, 5, start=5))
        assert consumer.poll(0.2, 10) == []
        with pytest.raises(Unavailable):
            consumer.commit(received)
        with pytest.raises(Unavailable):
            bus.ensure_topics([topic])
        consumer.retain(received)
    publish_until_taken(producer, messages(topic, 5, start=5))
    again = read(consumer, 5)
    while numbers(again)[-1:] != [9]:
        more = read(consumer, 1)
        assert more
        again += more
    assert numbers(again)[-5:] == list(range(5, 10))
    consumer.commit(again)
    consumer.close()
    producer.close()


def publish_until_taken(producer, batch):
    deadline = time.monotonic() + 30
    while True:
        try:
            return producer.publish(batch)
        except Unavailable:
            assert time.monotonic() < deadline


@every_protocol
def test_what_is_handled_is_committed_when_its_partitions_are_given_up(harness, publish, join, read):
    topic = harness.topic(2)
    publish(messages(topic, 20, keys=8))
    first = join("g", topic)
    taken = read(first, 20)
    first.handled(taken)
    second = join("g", topic)
    deadline = time.monotonic() + 30
    while len({each.partition for each in first.retain(taken)}) == 2:
        # The second joins when it polls; what is its own now was committed, so none of it comes again.
        assert second.poll(0.1, 100) == []
        assert time.monotonic() < deadline
    assert second.poll(1.0, 100) == []


def ids_of(bus, *topics):
    """Their ids, once the broker knows them all: a topic just made is not seen at once everywhere."""
    names = {topic.name for topic in topics}
    deadline = time.monotonic() + 20
    while set(found := bus.topic_ids([*names, "never-made"])) != names:
        assert time.monotonic() < deadline, found
    return found


def test_a_topic_made_anew_has_another_id(harness):
    topic, other = harness.topic(), harness.topic()
    before = ids_of(harness.bus, topic, other)
    assert before[topic.name] != before[other.name]
    assert ids_of(harness.bus, topic) == {topic.name: before[topic.name]}
    harness.wipe()
    assert ids_of(harness.bus) == {}
    harness.bus.ensure_topics([topic])
    assert ids_of(harness.bus, topic)[topic.name] != before[topic.name]


@every_protocol
def test_a_stale_partition_is_read_from_its_beginning(harness, publish, join, read):
    topic = harness.topic(2)
    publish(messages(topic, 20, keys=4))
    first = join("g", topic)
    first.commit(read(first, 20))
    first.close()
    again = join("g", topic, stale=lambda place: place[0] == topic.name)
    assert sorted(numbers(read(again, 20))) == list(range(20))
